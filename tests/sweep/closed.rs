//! A firewall lets a part of the range in: exactly the rest is told.

use libtest_mimic::{Failed, Trial};

use crate::pair::{Answer, Profile, RANGE, closed, ends_well, expect, sweep, swept};
use crate::support::netns::Namespace;
use crate::support::rules::nft;
use crate::support::scene::Direct;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("closed/ranges", ranges),
        Trial::test("closed/ipv6", ipv6),
        Trial::test("closed/one-family", one_family),
        Trial::test("closed/long", long),
        Trial::test("closed/tiny", tiny),
        Trial::test("closed/tiny-half", || {
            tiny_half("{ 50005-50010 }", "50005-50010")
        }),
        Trial::test("closed/tiny-but-one", || {
            tiny_half("!= { 50008 }", "50000-50007, 50009-50010")
        }),
        Trial::test("closed/tiny-all", tiny_all),
        Trial::test("closed/lost-packets", lost_packets),
    ]
}

/// A firewall that drops these ports.
pub(crate) fn drop_ports(host: &Namespace, ports: &str) {
    filter(host, &format!("tcp dport {ports} drop"));
}

fn filter(host: &Namespace, rules: &str) {
    nft(
        host,
        &format!(
            "table inet filter {{ chain input {{
                type filter hook input priority 0;
                {rules}
            }}\n}}\n"
        ),
    );
    // Else the kernel sends six, and then one a second.
    host.sysctl("net.ipv4.icmp_ratelimit", "0");
    host.sysctl("net.ipv6.icmp.ratelimit", "0");
}

const REJECTIONS: &str = "
    tcp dport { 50100-50121, 50333 } drop
    tcp dport 50300-50302 reject with icmpx admin-prohibited
    tcp dport 50400-50409 reject
    tcp dport 50500 reject with tcp reset
";

fn ranges() -> Result<(), Failed> {
    let scene = Direct::new();
    filter(&scene.server, REJECTIONS);
    let profile = Profile::new(RANGE);
    let report = swept((&scene.client, &scene.server), "198.51.100.1", &profile, 1)?;
    expect(
        &report["steps"][0]["detail"],
        &"198.51.100.1: range 50000-51000: 1001 ports tried, 964 get through".into(),
    )?;
    expect(&report["steps"][0]["outcome"], &"failed".into())?;
    expect(
        &closed(&report),
        &[
            "50100-50121, 50333: no answer in 1.5 s",
            "50300-50302: rejected by ICMP from 198.51.100.1 (No route to host)",
            "50400-50409: rejected by ICMP from 198.51.100.1 (Connection refused)",
            "50500: refused",
        ]
        .map(str::to_owned)
        .to_vec(),
    )
}

fn ipv6() -> Result<(), Failed> {
    let scene = Direct::new();
    filter(&scene.server, REJECTIONS);
    let profile = Profile::new(RANGE);
    let report = swept(
        (&scene.client, &scene.server),
        "2001:db8:51::1",
        &profile,
        1,
    )?;
    expect(
        &closed(&report),
        &[
            "50100-50121, 50333: no answer in 1.5 s",
            "50300-50302: rejected by ICMP from 2001:db8:51::1 (Permission denied)",
            "50400-50409: rejected by ICMP from 2001:db8:51::1 (Connection refused)",
            "50500: refused",
        ]
        .map(str::to_owned)
        .to_vec(),
    )
}

/// A name with an address of each family: both are swept at once, and told apart.
fn one_family() -> Result<(), Failed> {
    let scene = Direct::new();
    filter(
        &scene.server,
        "meta nfproto ipv6 tcp dport 50100-50121 drop",
    );
    let profile = Profile::new(RANGE);
    let answer = Answer::start(&scene.server, &profile, &[]);
    let hosts = profile.beside(
        "hosts",
        "198.51.100.1 ftp.example\n2001:db8:51::1 ftp.example\n",
    );
    let mut command = scene.client.command("unshare");
    let line = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    command.args(["--mount", "sh", "-c", line, &hosts]);
    command.arg(env!("CARGO_BIN_EXE_ftpnat"));
    command.args(["probe", "--sweep", "--token", &answer.token, "ftp.example"]);
    command.args(["--output", "json", "--profile", &profile.path()]);
    let output = scene.client.feed_to(command, "");
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("{e}: {output:?}"))?;
    expect(&output.status.code(), &Some(1))?;
    ends_well(answer, &scene.server)?;
    for (step, address, open) in [
        (0, "198.51.100.1", "all get through"),
        (1, "2001:db8:51::1", "979 get through"),
    ] {
        let detail = format!("{address}: range {RANGE}: 1001 ports tried, {open}");
        expect(&report["steps"][step]["detail"], &detail.into())?;
    }
    let evidence = &report["findings"][0]["evidence"];
    expect(&evidence[0]["source"], &"2001:db8:51::1".into())?;
    let wanted = vec!["50100-50121: no answer in 1.5 s".to_owned()];
    expect(&closed(&report), &wanted)
}

/// Many of the ports that are held at first do not get through either.
fn long() -> Result<(), Failed> {
    let scene = Direct::new();
    drop_ports(&scene.server, "50000-50199");
    let profile = Profile::new(RANGE);
    let report = swept((&scene.client, &scene.server), "198.51.100.1", &profile, 1)?;
    let wanted = vec!["50000-50199: no answer in 1.5 s".to_owned()];
    expect(&closed(&report), &wanted)
}

/// One port at a time is held, and the ends are mistyped.
fn tiny() -> Result<(), Failed> {
    let scene = Direct::new();
    drop_ports(&scene.server, "{ 50000, 50009-50010 }");
    let profile = Profile::new("50000-50010");
    let report = swept((&scene.client, &scene.server), "198.51.100.1", &profile, 1)?;
    let wanted = vec!["50000, 50009-50010: no answer in 1.5 s".to_owned()];
    expect(&closed(&report), &wanted)
}

/// The port that is held first is closed: others have their turn.
fn tiny_half(dropped: &str, told: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    drop_ports(&scene.server, dropped);
    let profile = Profile::new("50000-50010");
    let report = swept((&scene.client, &scene.server), "198.51.100.1", &profile, 1)?;
    expect(
        &closed(&report),
        &vec![format!("{told}: no answer in 1.5 s")],
    )
}

fn tiny_all() -> Result<(), Failed> {
    let scene = Direct::new();
    drop_ports(&scene.server, "50000-50002");
    let profile = Profile::new("50000-50002");
    let answer = Answer::start(&scene.server, &profile, &[]);
    let run = sweep(&scene.client, "198.51.100.1", &profile, &answer.token, &[]);
    expect(&run.status, &3)?;
    let wanted = "no port of 50000-50002 answers at 198.51.100.1: no answer in 1.5 s (3 ports)";
    expect(&run.stderr.contains(wanted), &true)
}

/// Each port's first two packets are lost on the way: the range is open all the same.
fn lost_packets() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        "table inet filter {
            set once { type inet_service; size 65535; flags dynamic; }
            set twice { type inet_service; size 65535; flags dynamic; }
            chain input {
                type filter hook input priority 0;
                tcp dport { 50201, 50205 } tcp flags syn jump lossy
            }
            chain lossy {
                tcp dport @twice accept
                tcp dport @once add @twice { tcp dport } drop
                add @once { tcp dport } drop
            }
        }\n",
    );
    let profile = Profile::new(RANGE);
    let report = swept((&scene.client, &scene.server), "198.51.100.1", &profile, 0)?;
    expect(&closed(&report), &Vec::new())
}

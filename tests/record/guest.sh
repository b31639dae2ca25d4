#!/bin/sh
# Runs in the guest once it has booted (record.sh): sets up the scene that the kernel's
# command line names, and writes what `ftpnat snapshot` saved to the second disk.
set -eux
scene=$(sed -n 's/.*record=\([a-z0-9-]*\).*/\1/p' /proc/cmdline)
trap 'systemctl poweroff --force --force' EXIT
as="as root in"
mkdir -m 777 /rec

# address INTERFACE ADDRESS...
address() {
    interface=$1
    shift
    ip link set "$interface" up
    for each in "$@"; do
        ip address add "$each" dev "$interface" $(case $each in *:*) echo nodad ;; esac)
    done
}

server() {
    address eth0 203.0.113.10/24 2001:db8:113::10/64
    ip route add default via 203.0.113.1
    ip -6 route add default via 2001:db8:113::1
    is="A server with a public address; ProFTPD listens on port 21, as installed."
}

gateway() {
    systemctl stop proftpd
    address eth0 198.51.100.1/24
    address eth1 10.77.0.1/24
    ip route add default via 198.51.100.254
    echo net.ipv4.ip_forward=1 >/etc/sysctl.d/50-router.conf
    sysctl -q -p /etc/sysctl.d/50-router.conf
    is="A gateway of two interfaces that routes and has a DNAT of port 21 to a server."
}

# rules HOOK: what accepts FTP's control port there, in nft.
rules() {
    nft add table inet filter
    nft add chain inet filter "$1" "{ type filter hook $1 priority 0; policy drop; }"
    nft add rule inet filter "$1" ct state established,related accept
    nft add rule inet filter "$1" tcp dport 21 accept
}

nft_gateway() {
    gateway
    rules forward
    nft add table ip nat
    nft add chain ip nat prerouting '{ type nat hook prerouting priority dstnat; }'
    nft add rule ip nat prerouting iif eth0 tcp dport 21 dnat to 10.77.0.21
    is="$is Its rules are nft's."
}

iptables_gateway() {
    gateway
    iptables -t nat -A PREROUTING -i eth0 -p tcp --dport 21 -j DNAT --to 10.77.0.21
    iptables -P FORWARD DROP
    iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
    iptables -A FORWARD -p tcp --dport 21 -j ACCEPT
    is="$is Its rules are those of iptables-nft."
}

helper_by_rule() {
    nft add ct helper ip nat ftp '{ type "ftp" protocol tcp; }'
    nft add chain ip nat helpers '{ type filter hook prerouting priority -150; }'
    nft add rule ip nat helpers tcp dport 21 ct helper set ftp
    is="$is One assigns the helper: the kernel loaded nf_conntrack_ftp for it."
}

container() {
    server
    systemctl stop proftpd
    systemctl start docker
    docker import /root/image.tar ftp
    docker run -d --name ftp -p 21:21 -p 50000-50009:50000-50009 ftp \
        /usr/sbin/proftpd --nodaemon
    sleep 3
    is="Docker (docker.io $(dpkg-query -Wf '${Version}' docker.io)) runs a container with
        ProFTPD, and publishes ports 21 and 50000-50009."
}

save() { ftpnat snapshot "/rec/$scene"; }

case $scene in
debian12-modules) # SCENE
    server
    rules input
    is="$is Its rules are nft's; no helper is loaded."
    ;;
debian12-no-conntrack) # SCENE
    server
    is="$is There are no rules: nothing loaded nf_conntrack."
    ;;
debian12-hidepid) # SCENE
    server
    rules input
    useradd -u 1000 op
    useradd -u 1001 else
    setpriv --reuid else --regid else --clear-groups nc -lk 50010 &
    sleep 1
    mount -o remount,hidepid=2 /proc
    save() { setpriv --reuid op --regid op --clear-groups ftpnat snapshot "/rec/$scene"; }
    as="by a user without root, on a /proc mounted with hidepid=2, in"
    is="$is Its rules are nft's. Another user listens on port 50010."
    ;;
debian12-ufw) # SCENE
    server
    ufw allow 21/tcp
    ufw allow 50000:51000/tcp
    ufw --force enable
    is="$is ufw $(dpkg-query -Wf '${Version}' ufw) is enabled, and opens 21 and the range."
    ;;
debian12-gateway) # SCENE
    nft_gateway
    is="$is No helper is loaded."
    ;;
debian12-replaced) # SCENE
    printf '%s\n' '# no old protocols' 'install nf_conntrack_ftp /bin/false' \
        'blacklist nf_nat_ftp' >/etc/modprobe.d/hardening.conf
    nft_gateway
    is="$is Lines in modprobe.d forbid the helpers, in two ways."
    ;;
debian12-modules-disabled) # SCENE
    nft_gateway
    sysctl -w kernel.modules_disabled=1
    is="$is kernel.modules_disabled=1; no helper is loaded."
    ;;
debian12-helper-by-rule) # SCENE
    iptables_gateway
    iptables -t raw -A PREROUTING -i eth0 -p tcp --dport 21 -j CT --helper ftp
    is="$is One assigns the helper: the kernel loaded nf_conntrack_ftp for it."
    ;;
debian12-helper-loaded) # SCENE
    iptables_gateway
    modprobe nf_nat_ftp
    is="$is nf_nat_ftp was loaded by hand; nothing will load it at boot."
    ;;
probe-nat-missing) # SCENE
    nft_gateway
    helper_by_rule
    is="$is nf_nat_ftp is not loaded."
    ;;
probe-both-work) # SCENE
    nft_gateway
    helper_by_rule
    echo nf_nat_ftp >/etc/modules-load.d/ftp.conf
    systemctl restart systemd-modules-load
    is="$is nf_nat_ftp is loaded by modules-load.d."
    ;;
probe-ports-2121) # SCENE
    nft_gateway
    modprobe nf_conntrack_ftp ports=2121
    modprobe nf_nat_ftp
    is="$is The helper was loaded with ports=2121, and nf_nat_ftp as well, both by hand."
    ;;
docker-host) # SCENE
    container
    is="$is This is the host."
    ;;
docker-container) # SCENE
    container
    save() {
        docker cp /root/ftpnat ftp:/usr/local/bin/ftpnat
        docker exec ftp ftpnat snapshot /saved
        docker cp ftp:/saved "/rec/$scene"
    }
    as="as root of a container in"
    is="$is This is the container, its image made by debootstrap and docker import."
    ;;
esac

sleep 1
save
kernel=linux-image-$(uname -r)
echo "Recorded: by \`ftpnat snapshot\`, $as a QEMU guest of Debian 12 ($kernel" \
    "$(dpkg-query -Wf '${Version}' "$kernel")), set up by tests/record." $is |
    fold -s -w 90 | sed 's/ *$//' >"/rec/$scene/ORIGIN"
tar -C /rec -cf /dev/vdb "$scene"
sync

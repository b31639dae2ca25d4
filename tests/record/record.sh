#!/bin/sh
# Records the folders debian12-*, docker-* and probe-* of tests/data/snapshots: makes
# Debian 12 roots, boots each scene of guest.sh in QEMU, takes out what
# `ftpnat snapshot` saved. As root, with qemu-system-x86, debootstrap and e2fsprogs;
# a scene takes a minute or two, less with ACCEL=kvm.
#
#   cargo build --release
#   MIRROR=... sh tests/record/record.sh WORK [SCENE...]
#
# WORK is a folder for roots and disks, on a disk and kept between runs. Without a
# SCENE all are recorded. Then: UPDATE_GOLDEN=1 cargo test --test checks, and read.
set -eu
work=$1
shift
cd "$(dirname "$0")/../.."
program=${CARGO_TARGET_DIR:-target}/release/ftpnat
mirror=${MIRROR:?an archive of Debian, without its /debian}
base=systemd-sysv,dbus,udev,initramfs-tools,zstd,kmod,procps,iproute2,nftables,iptables
library=libmnl0,libnftnl11,proftpd-core

# root NAME PACKAGES: a Debian 12 with its updates.
root() {
    root=$work/root-$1
    [ ! -d "$root" ] || return 0
    debootstrap --variant=minbase --include="$2" bookworm "$root.part" $mirror/debian
    printf 'deb %s bookworm main\n' "$mirror/debian" >"$root.part/etc/apt/sources.list"
    for suite in debian:bookworm-updates debian-security:bookworm-security; do
        printf 'deb %s %s main\n' "$mirror/${suite%:*}" "${suite#*:}" >>"$root.part/etc/apt/sources.list"
    done
    in_root update
    in_root -y dist-upgrade
    [ $# -eq 2 ] || in_root -y --no-install-recommends install "$3"
    rm -rf "$root.part"/var/cache/apt/archives/*.deb "$root.part"/var/lib/apt/lists/*
    : >"$root.part/etc/resolv.conf"
    echo debian >"$root.part/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 debian\n' >"$root.part/etc/hosts"
    mv "$root.part" "$root"
}

in_root() {
    unshare --mount sh -ec 'mount -t proc proc "$1/proc"; root=$1; shift
        cp /etc/resolv.conf "$root/etc/resolv.conf"
        printf "#!/bin/sh\nexit 101\n" >"$root/usr/sbin/policy-rc.d" # start nothing here
        chmod +x "$root/usr/sbin/policy-rc.d"
        DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get -q "$@"
        rm "$root/usr/sbin/policy-rc.d"' - "$root.part" "$@"
}

# disk NAME: an ext4 of the root, with this program and guest.sh as a unit.
disk() {
    root=$work/root-$1
    install -m 755 "$program" "$root/usr/local/bin/ftpnat"
    install -m 755 tests/record/guest.sh "$root/usr/local/sbin/record"
    printf '%s\n' '[Unit]' 'After=proftpd.service docker.service' \
        '[Service]' 'Type=idle' 'ExecStart=/usr/local/sbin/record' \
        'StandardOutput=tty' 'StandardError=tty' 'TTYPath=/dev/ttyS0' \
        '[Install]' 'WantedBy=multi-user.target' >"$root/etc/systemd/system/record.service"
    ln -sf ../record.service "$root/etc/systemd/system/multi-user.target.wants/record.service"
    rm -f "$work/$1.img"
    mkfs.ext4 -q -d "$root" "$work/$1.img" 3G
}

# scene NAME: boots it, and takes out what it saved.
scene() {
    case $1 in docker-*) on=docker ;; *-ufw) on=ufw ;; *) on=server ;; esac
    kernel=$(ls "$work/root-$on"/boot/vmlinuz-* | sort -V | tail -n 1)
    rm -f "$work/$1.tar"
    truncate -s 8M "$work/$1.tar"
    timeout 600 qemu-system-x86_64 -M q35 -accel "${ACCEL:-tcg}" -cpu max -m 1G -display none \
        -serial file:"$work/$1.log" -no-reboot -nic none \
        -netdev hubport,id=n0,hubid=0 -device virtio-net-pci,netdev=n0 \
        -netdev hubport,id=n1,hubid=1 -device virtio-net-pci,netdev=n1 \
        -drive file="$work/$on.img",if=virtio,format=raw,snapshot=on \
        -drive file="$work/$1.tar",if=virtio,format=raw \
        -kernel "$kernel" -initrd "$(echo "$kernel" | sed 's/vmlinuz/initrd.img/')" \
        -append "root=/dev/vda rw console=ttyS0 no_timer_check net.ifnames=0 panic=-1 record=$1"
    rm -rf "${to:?}/$1"
    tar -C "$to" --no-same-owner -xf "$work/$1.tar"
    chmod -R u=rwX,go=rX "$to/$1"
    test -s "$to/$1/MANIFEST"
}

to=tests/data/snapshots
mkdir -p "$work"
root server "$base,$library,linux-image-amd64,netcat-openbsd"
root ufw "$base,$library,linux-image-amd64" ufw
root docker "$base,$library,linux-image-amd64,ca-certificates" docker.io
root image "$library" # what the container is made of
tar -C "$work/root-image" -cf "$work/root-docker/root/image.tar" .
install -m 755 "$program" "$work/root-docker/root/ftpnat"
for name in server ufw docker; do disk $name; done
[ $# -gt 0 ] || set -- $(sed -n 's/^\([a-z0-9-]*\)) # SCENE$/\1/p' tests/record/guest.sh)
for name in "$@"; do
    echo "$name"
    scene "$name"
done

#!/bin/busybox sh
# The first process of the machine that run.mjs boots; initramfs.mjs fills the @WORDS@ in. The root that the suites
# see is the host's, read-only; they write on an ext4 scratch disk.
export PATH=/sbin:/bin
/bin/busybox mkdir -p /sbin /usr/bin /usr/sbin /proc /sys /dev /host /newroot
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
# What shells expect there; udev would make them.
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr

fail() {
  echo "vm: $1"
  poweroff -f
}

for module in @MODULES@; do
  modprobe "$module"
done

if [ @IMAGE@ = yes ]; then
  mount -t ext4 -o ro /dev/vdb /host || fail 'no ext4 or virtio_blk in this kernel'
else
  options=trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro
  mount -t 9p -o "$options" host /host || fail 'no 9p in this kernel: try --image'
fi
mount --bind /host /newroot
mount -t tmpfs -o mode=755 run /newroot/run
mount -t ext4 /dev/vda /newroot/tmp || fail 'no ext4 or virtio_blk in this kernel'
chmod 1777 /newroot/tmp
# A checkout below /tmp has just been hidden by the scratch disk.
if [ ! -e "/newroot/@CHECKOUT@/package.json" ]; then
  mkdir -p "/newroot/@CHECKOUT@"
  mount --bind "/host/@CHECKOUT@" "/newroot/@CHECKOUT@"
fi
ip link set lo up

# The whole policy in one write, as selinuxfs wants it.
if [ -e /policy ]; then
  mount -t selinuxfs selinux /sys/fs/selinux || fail 'no SELinux in this kernel'
  dd if=/policy of=/sys/fs/selinux/load bs=16M 2>/dev/null || fail 'SELinux refuses the policy'
fi

# The kernel asks for modules by this program, in the root of the first process.
mkdir /newroot/run/vm
cp -a /bin /lib /newroot/run/vm/ 2>/dev/null
cat >/newroot/run/vm/modprobe <<'END'
#!/run/vm/bin/busybox sh
exec /run/vm/bin/busybox chroot /run/vm /bin/busybox modprobe "$@"
END
cat >/newroot/run/vm/second <<'END'
#!/run/vm/bin/busybox sh
cd "@CHECKOUT@"
echo "vm: kernel $(/run/vm/bin/busybox uname -r)"
/usr/bin/env @ENVIRONMENT@ @COMMAND@
status=$?
# What a program died of, and faults of the kernel's own.
/run/vm/bin/busybox dmesg | /run/vm/bin/busybox grep -E 'segfault|traps:|general protection|BUG:|Oops|WARNING:' |
  /run/vm/bin/busybox sed 's/^/vm: kernel log: /'
echo $status >/dev/ttyS1
exec /run/vm/bin/busybox poweroff -f
END
chmod +x /newroot/run/vm/modprobe /newroot/run/vm/second
# A kernel without modules has no such file.
[ ! -e /proc/sys/kernel/modprobe ] || echo /run/vm/modprobe >/proc/sys/kernel/modprobe
for directory in proc sys dev; do
  mount --move "/$directory" "/newroot/$directory"
done
# Not chroot: a process in a chroot may not make user namespaces.
exec switch_root /newroot /run/vm/second

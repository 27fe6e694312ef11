import type { Explanation } from './codes.ts'

/** What an errno means where mounts and layers are concerned. Sources: mount(2), umount(2), fs/overlayfs and fs/aufs of the kernel. */
export const ERRNOS: Readonly<Record<string, Explanation>> = {
  E2BIG: {
    cause: 'A mount has too many or too long options: mount(2) takes one page.',
    remedy:
      'Shorter paths help, or a shorter chain: `graphdriver flatten`. The drivers choose a form that fits by themselves.',
  },
  EACCES: {
    cause: 'A directory on the way may not be searched, or the file may not be read or written by this user.',
    remedy:
      'Run as the user that made the store, mostly root. `namei -l <path>` shows which directory refuses.',
  },
  EAGAIN: {
    cause: 'Something is used up for the moment: threads, locks, memory that may be locked.',
    remedy:
      'Try again. If it stays: `ulimit -a`, and the limit of processes of the control group (pids.max).',
  },
  EBADF: {
    cause: 'A descriptor is none, or is not open for this.',
    remedy: 'It is mostly a mistake in the program that calls: a file that was closed too early.',
  },
  EBUSY: {
    cause:
      'Something still uses the mount, directory or device. Unmounting: a process has its working directory, root or a file there, or there is a mount below. Mounting: the directory is the upper or work directory of another overlay.',
    remedy:
      'The detail names who. `graphdriver umount --detach` takes a mount out of sight at once; it ends when its last user does.',
  },
  EDQUOT: {
    cause: 'The quota of this user or project on the filesystem is used up.',
    remedy: 'Delete something or raise the quota. Nothing half-made is left in the store.',
  },
  EEXIST: {
    cause: 'Something of this name is there already.',
    remedy: 'Choose another name, or remove it first.',
  },
  EFBIG: {
    cause: 'A file would be larger than this filesystem or this process may have it.',
    remedy: 'See `ulimit -f`; or put the root on another filesystem.',
  },
  EINVAL: {
    cause:
      'The kernel does not take the arguments: a mount option that it does not know, a directory that cannot be a layer, or umount(2) of what is no mount point.',
    remedy: 'The detail has what was found out. `dmesg | tail` often has the words of the filesystem itself.',
  },
  EIO: {
    cause: 'The disk or the filesystem below failed to read or write.',
    remedy: 'Look into `dmesg`, and do not write to that filesystem before it is checked.',
  },
  EISDIR: {
    cause: 'What should be a file is a directory.',
    remedy: 'Name a file. A directory becomes a tar by `tar -C directory -cf file .`.',
  },
  ELOOP: {
    cause: 'Too many symbolic links on the way, or a link where none is followed.',
    remedy: 'Check the path: in a store a link in the place of a directory is never followed.',
  },
  EMFILE: {
    cause: 'This process has as many files open as it may.',
    remedy: 'Raise the limit (`ulimit -n`), or close files.',
  },
  ENFILE: {
    cause: 'The whole system has as many files open as it may.',
    remedy: 'Raise fs.file-max (sysctl), or find the program that keeps so many open.',
  },
  ENAMETOOLONG: {
    cause: 'A name has over 255 bytes, or a path over 4095.',
    remedy: 'Put the root at a shorter path.',
  },
  ENODATA: {
    cause: 'There is no extended attribute of this name.',
    remedy: '`getfattr -d -m - <path>` lists those that are there.',
  },
  ENODEV: {
    cause: 'The kernel does not have this filesystem, and found no module of its name.',
    remedy: '`modprobe overlay` or `modprobe aufs` as root; in a container it has to be done on the host.',
  },
  ENOENT: {
    cause: 'A file or directory of this name is not there; of a mount, also a layer that is missing.',
    remedy: 'Check the path that the message has, and --root. A new store is made by `graphdriver create`.',
  },
  ENOMEM: {
    cause: 'The kernel is out of memory for this, or the limit of the control group is reached.',
    remedy: 'Free memory or raise the limit of the group.',
  },
  ENOSPC: {
    cause:
      'No space left: on the disk (bytes or inodes), or in a count: mounts of this namespace (fs.mount-max), branches of an aufs.',
    remedy:
      'See `df -h` and `df -i` of the path that the message has. Nothing half-made is left in the store. `graphdriver cleanup` unmounts what is not used.',
  },
  ENOSYS: {
    cause: 'The kernel does not have this system call, or a sandbox (seccomp) says so.',
    remedy:
      'A newer kernel, or a sandbox that allows it. Where there is an older way, it is taken by itself.',
  },
  ENOTDIR: {
    cause: 'Something on the way is a file and no directory.',
    remedy: 'Check the path that the message has.',
  },
  ENOTEMPTY: { cause: 'The directory holds something.', remedy: 'Empty it first.' },
  ENOTSUP: {
    cause: 'The filesystem cannot do this: extended attributes, special files, exchanging two names.',
    remedy: 'Put the root on a filesystem that can, as ext4, xfs or tmpfs.',
  },
  EPERM: {
    cause:
      'The process lacks a capability: mounting takes CAP_SYS_ADMIN, device files CAP_MKNOD, owners CAP_CHOWN. Or a sandbox forbids it.',
    remedy:
      'Run as root, or in a user namespace of your own (`unshare --user --map-root-user --mount`). See `graphdriver doctor`.',
  },
  EPIPE: {
    cause: 'Whoever read the output has closed it.',
    remedy: 'Nothing, if that was meant.',
  },
  EROFS: {
    cause: 'The filesystem is mounted read-only.',
    remedy: 'Put the root on one that can be written. To look at it, { readOnly: true } is enough.',
  },
  ESTALE: {
    cause: 'A file handle is out of date: the file on the server, or the layer below, was replaced.',
    remedy: 'Unmount and mount again. Never change a layer that is below a mounted one.',
  },
  EUCLEAN: {
    cause: 'The filesystem below is damaged: its own check of what it read failed.',
    remedy: 'Look into `dmesg`; unmount it and have it checked (fsck).',
  },
  EXDEV: {
    cause: 'Two paths are on different mounts: something is mounted within a layer, where nothing may be.',
    remedy: '`graphdriver mountinfo <root>` shows it; unmount it.',
  },
}

import type { GraphDriverErrorCode } from '../index.ts'

/** What an error code means. `graphdriver doctor <code>`, the second line of an error, and docs/errors.md are made of this. */
export interface Explanation {
  /** When it comes. */
  readonly cause: string
  /** What to do then. */
  readonly remedy: string
}

/** Every code of a GraphDriverError: the compiler sees to it that none is missing. */
export const CODES: Readonly<Record<GraphDriverErrorCode, Explanation>> = {
  ERR_ADDON_NOT_LOADED: {
    cause:
      'The native addon could not be loaded: there is none for this processor, or the package was copied without its prebuilds/. The message has a line for each file that was tried.',
    remedy:
      'Install the package again on this machine (`npm ci`). On a processor without a prebuilt file, or in a checkout, build it: `npm run build`.',
  },
  ERR_ARCHIVE_BODY_SIZE: {
    cause: 'An entry given to fromEntries() has a body that is longer or shorter than its size.',
    remedy: 'Give the size that the body has. For a file that may change, read it first.',
  },
  ERR_ARCHIVE_FORMAT: {
    cause:
      'The tar breaks the rules of its format: a checksum, a number, an extended header, or the compressed stream around it is wrong. Or it is no tar.',
    remedy:
      'See what `tar -tvf` says of it. A damaged file has to be fetched or made again. Nothing of it is in the layer.',
  },
  ERR_ARCHIVE_LIMIT: {
    cause:
      'The tar asks for more than a limit allows: entries, bytes, the length of a name or of an attribute. The message names the limit.',
    remedy:
      'Where the tar is trusted, raise that limit: applyDiff(id, tar, { limits }). Else it may have been made to fill the disk.',
  },
  ERR_ARCHIVE_LINK: {
    cause: 'A hard link in the tar has a target that is not in the layer, or that leads out of it.',
    remedy:
      'Make the tar anew with the link and its target in it. A layer of a chain needs its parent: check that it is applied to the right one.',
  },
  ERR_ARCHIVE_PATH: {
    cause: 'The name of an entry leads out of the layer (`..`, a link on the way), or to no place in it.',
    remedy: 'Do not trust this tar. If it is yours, make it from within the directory: `tar -C dir -c .`.',
  },
  ERR_ARCHIVE_TRUNCATED: {
    cause: 'The tar, or the compressed stream around it, ends in the middle.',
    remedy: 'It was cut on its way: fetch or make it again. The layer is as it was before.',
  },
  ERR_ARCHIVE_UNSUPPORTED: {
    cause:
      'The tar holds what is not read here: an unusual type of entry, a sparse file of GNU tar, a compression other than gzip or zstd.',
    remedy:
      'Decompress it first (`xz -dc`), or make it anew as POSIX pax: `tar --format=pax`, without `--sparse` (bsdtar: with `--no-read-sparse`). zstd needs Node.js 22.15.',
  },
  ERR_ARCHIVE_WHITEOUT: {
    cause: 'A whiteout (`.wh.` file) marks nothing, has contents, or stands where none can be.',
    remedy: 'The tar is no layer of an image, or whoever made it got a deletion wrong. Make it anew.',
  },
  ERR_DRIVER_BACKING_FS: {
    cause:
      'The filesystem that the root is on cannot carry this driver: overlay on overlay, aufs on btrfs, one without extended attributes.',
    remedy:
      'Put the root on ext4, xfs or tmpfs (in a container: on a volume), or use the driver vfs, which works everywhere.',
  },
  ERR_DRIVER_CLOSED: {
    cause: 'A call was made after close().',
    remedy: 'Open the store again, or close it later: `await using driver = await open(…)` closes in time.',
  },
  ERR_DRIVER_EXISTS: {
    cause: 'register() was given a name that a driver has already.',
    remedy: 'Register it once only, or under another name.',
  },
  ERR_DRIVER_NOT_SUPPORTED: {
    cause:
      'The kernel does not have this filesystem, and its module was not there when the kernel looked for it.',
    remedy:
      'See `graphdriver probe`. For overlay: `modprobe overlay`, or a kernel with CONFIG_OVERLAY_FS. For aufs: a kernel that has it; else its layers can be looked at all the same, and `graphdriver convert --to overlay` makes it a store of overlay. vfs needs neither.',
  },
  ERR_DRIVER_PREREQUISITE: {
    cause:
      'The kernel could, and this process may not: it lacks CAP_SYS_ADMIN, is in a sandbox that forbids mount(2), or is in another user namespace than the one that made the store.',
    remedy:
      'Run as root; or in a user namespace, `unshare --user --map-root-user --mount`; in Docker with `--cap-add SYS_ADMIN` and a seccomp profile that allows mount. To look only, open with { readOnly: true }.',
  },
  ERR_DRIVER_UNKNOWN: {
    cause: 'There is no driver of this name.',
    remedy: 'The names are aufs, overlay and vfs, and those that were registered: drivers() lists them.',
  },
  ERR_INVALID_LAYER_ID: {
    cause: 'The text cannot be the id of a layer.',
    remedy:
      'An id has 1 to 128 letters, digits, `_`, `.` and `-`, begins with a letter or digit, and does not end in `-removing`.',
  },
  ERR_LAYER_BUSY: {
    cause:
      'The layer cannot be unmounted: something is mounted below it, or processes are in it (a working directory, an open file). The message names them.',
    remedy:
      'Leave the directory or end these processes. `graphdriver umount --recursive` takes mounts below down first; `--detach` takes the mount out of sight at once.',
  },
  ERR_LAYER_CORRUPT: {
    cause:
      'The metadata of the layer cannot be read, name an impossible chain, or its contents are missing or are no directory.',
    remedy:
      '`graphdriver doctor` lists such layers. Bring layers/<id> or diff/<id> back from a copy, or remove the layer: that works on a corrupt one.',
  },
  ERR_LAYER_EXISTS: {
    cause: 'There is a layer of this id already, or contents without metadata under its name (an orphan).',
    remedy: 'Choose another id, or remove it first. An orphan goes with `graphdriver cleanup --orphans`.',
  },
  ERR_LAYER_HAS_CHILDREN: {
    cause: 'Other layers are built on this one, so it can neither be removed nor filled.',
    remedy:
      'Remove the children first; `graphdriver tree` shows them. To keep a child alone: `graphdriver flatten`.',
  },
  ERR_LAYER_IN_USE: {
    cause:
      'Somebody uses the layer: a reference of this or another process, a tar that is being read from it, or a mount that the kernel still has, perhaps in another namespace.',
    remedy:
      'Give the reference back, or end the process that the message names. `graphdriver ls` shows what is in use.',
  },
  ERR_LAYER_NOT_CONVERTIBLE: {
    cause: 'A layer holds what the other form has no place for. Nothing was converted.',
    remedy:
      'The detail lists each path (`--verbose`). Delete or rename them in their layers, and convert again.',
  },
  ERR_LAYER_NOT_EMPTY: {
    cause:
      'A tar can only be applied to an empty layer; or files were written under the mount point while nothing was mounted there.',
    remedy:
      'Make a new layer for the tar (`graphdriver create ID --from FILE`). Files under a mount point have to be moved away by hand.',
  },
  ERR_LAYER_NOT_FOUND: {
    cause: 'There is no layer of this id in this store.',
    remedy: '`graphdriver ls` lists the layers. Check --root, too: it may be another store.',
  },
  ERR_MOUNT_MISMATCH: {
    cause:
      'The layer is mounted in another way than it is wanted now: another label, read-only or writable; or something else is mounted in its place.',
    remedy: 'Give the other reference back first (`graphdriver umount`), or ask for the same.',
  },
  ERR_STORE_CONVERTING: {
    cause: 'The layers are half-way from one form to the other: a conversion runs, or was interrupted.',
    remedy:
      'Wait for the one that runs. One that was interrupted is finished, or taken back, by `graphdriver convert`.',
  },
  ERR_STORE_FOREIGN: {
    cause: 'The directory is no store, and it is not empty either where a store would have its files.',
    remedy: 'Check --root. A new store wants an empty directory, or one that is not there yet.',
  },
  ERR_STORE_IN_USE: {
    cause: 'The store as a whole has to be free for this, and somebody has it open or something mounted.',
    remedy: 'Unmount everything (`graphdriver cleanup`), and end the other programs that use this store.',
  },
  ERR_STORE_OTHER_DRIVER: {
    cause: 'The store was made by another driver than the one that was asked for.',
    remedy:
      'Leave --driver out: the store knows its own. aufs and overlay can be turned into each other by `graphdriver convert`.',
  },
  ERR_STORE_READ_ONLY: {
    cause: 'The store was opened to be looked at only, and this call would change it.',
    remedy: 'Open it without { readOnly: true }.',
  },
  ERR_STORE_UNSAFE: {
    cause:
      'Another user could put files of his own in the place of a layer: the directory belongs to somebody else, or others may write to it.',
    remedy:
      'Take the root into a directory that only you can write: `chown`, `chmod go-w`. Do not use layers that others could have changed.',
  },
  ERR_STORE_VERSION: {
    cause:
      'graphdriver.json in the root is of a format that this version does not know, cannot be read, or is missing beside layers.',
    remedy:
      'Use the version of this package that made the store, or a newer one. Where it is missing, copy that of another store of the same driver: it says nothing of the layers.',
  },
  ERR_TOO_MANY_LAYERS: {
    cause:
      'The chain is longer than the driver can mount: 500 layers below one for overlay, mostly 126 for aufs.',
    remedy: 'Make one layer of the chain and go on from there: `graphdriver flatten ID NEWID`.',
  },
  ERR_UNSUPPORTED_PLATFORM: {
    cause: 'This is no Linux, and the call needs its kernel.',
    remedy: 'Run it on Linux (a virtual machine or container will do). Reading tars works everywhere.',
  },
}

/** Codes that only the command has: `--json` prints them. */
export const COMMAND_CODES: Readonly<Record<string, Explanation>> = {
  ERR_UNKNOWN: {
    cause: 'Something failed that has no code of its own. The message says what.',
    remedy: 'See what the message says; `--verbose` tells all that is known of it.',
  },
  ERR_USAGE: {
    cause:
      'The command line cannot be meant so: an unknown verb or option, a word that is missing or too much.',
    remedy: '`graphdriver help VERB` says what the verb takes. Nothing was done.',
  },
}

/** Codes of Node.js's own that can come out of this package. */
export const NODE_CODES: Readonly<Record<string, Explanation>> = {
  ABORT_ERR: {
    cause: 'The signal that was given to the call was aborted: the caller, or Ctrl-C, ended it.',
    remedy: 'Nothing: what the call had begun was undone.',
  },
  ERR_INVALID_ARG_TYPE: {
    cause: 'A TypeError: an argument is of the wrong type. The message names it.',
    remedy: 'It is a mistake in the program that calls. The types of the package tell it before it runs.',
  },
  ERR_INVALID_ARG_VALUE: {
    cause: 'A TypeError: an argument has a value that cannot be meant. The message names it.',
    remedy: 'Correct the value. A root has to be an absolute path.',
  },
  ERR_OUT_OF_RANGE: {
    cause: 'A RangeError: a number is too small or too large. The message says what is allowed.',
    remedy: 'Correct the number.',
  },
}

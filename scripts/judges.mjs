// Programs that some tests compare with, or run inside a mount. JUDGES=off leaves the machine as it is. Nothing here
// fails: a test whose judge is missing says so and skips.
import { ensure } from './apt.mjs'

const judges = [
  ['busybox', 'busybox-static', 'a whole userland in one static file, run inside mounted layers'],
  ['bsdtar', 'libarchive-tools', "libarchive's tar, which writes manifests of tars and of trees"],
  ['go', 'golang-go', "archive/tar, the reader of Docker's and containerd's code"],
  ['umoci', 'umoci', 'stacks layers and unpacks them, whiteouts and all'],
  ['mkfs.xfs', 'xfsprogs', 'disks that lose their power'],
  ['mkfs.btrfs', 'btrfs-progs', 'the same, in another order'],
]

export function installJudges() {
  const missing = ensure(judges, process.env.JUDGES !== 'off')
  if (missing.length > 0) console.log('some tests skip without them')
}

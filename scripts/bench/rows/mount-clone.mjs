// A second read-only view of a union that is mounted: a clone of the mount, and not a mount of its own.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  AT_FDCWD,
  closeSync,
  mountSetattrSync,
  mountSync,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  moveMountSync,
  OPEN_TREE_CLONE,
  openTreeSync,
  umount2Sync,
  AT_EMPTY_PATH,
} from 'graphdriver/sys'
import { dropOverlay, inside, makeOverlay } from '../overlays.mjs'

function cloned({ count }) {
  const began = process.hrtime.bigint()
  for (let at = 0; at < count; at++) {
    const fd = openTreeSync(AT_FDCWD, 'mnt', OPEN_TREE_CLONE)
    mountSetattrSync(fd, '', AT_EMPTY_PATH, { set: BigInt(MOUNT_ATTR_RDONLY) })
    moveMountSync(fd, '', AT_FDCWD, 'view', MOVE_MOUNT_F_EMPTY_PATH)
    closeSync(fd)
    umount2Sync('view', 0)
  }
  return Number(process.hrtime.bigint() - began)
}

function mountedAnew({ count, lowers }) {
  const began = process.hrtime.bigint()
  for (let at = 0; at < count; at++) {
    mountSync('overlay', 'view', 'overlay', 1, lowers)
    umount2Sync('view', 0)
  }
  return Number(process.hrtime.bigint() - began)
}

async function prepare(bench, name, layers, count) {
  const made = makeOverlay(bench, `${name}-${layers}`, layers)
  mkdirSync(join(made.directory, 'view'))
  await inside(made, () => mountSync('overlay', 'mnt', 'overlay', 0, made.data))
  // Read-only, the upper layer is one more of those below.
  const lowers = made.data.replace(/^lowerdir=/, 'lowerdir=u:').replace(/,.*/, '')
  return { ...made, count, lowers }
}

const inC = ({ bench, directory, lowers, count }, how) =>
  bench.clocked(bench.program('clone'), directory, lowers, String(count), how)

function row(layers, count, bound) {
  return {
    name: `mount-clone/${layers}`,
    work: `${count} x a second read-only view of an overlay of ${layers} lower layers, and its end`,
    against: 'mounting it anew',
    bound,
    prepare: (bench) => prepare(bench, 'clone', layers, count),
    ours: (state) => inside(state, () => cloned(state)),
    peer: (state) => inside(state, () => mountedAnew(state)),
    end: dropOverlay,
  }
}

const againstC = (layers, count) => ({
  ...row(layers, count, 1.15),
  name: `mount-clone-c/${layers}`,
  against: 'the same calls in C',
  prepare: (bench) => prepare(bench, 'clone-c', layers, count),
  peer: (state) => inC(state, 'clone'),
})

/** What the kernel makes of it, by the same calls in C on both sides: no bound of ours is below that. Shown, and not judged. */
const floor = (layers, count) => ({
  ...row(layers, count, undefined),
  name: `mount-clone-floor/${layers}`,
  work: `${count} x the same in C, on both sides`,
  prepare: (bench) => prepare(bench, 'clone-floor', layers, count),
  ours: (state) => inC(state, 'clone'),
  peer: (state) => inC(state, 'anew'),
})

export default [
  // Shown, and not judged: of a view and its end most is the end (umount2 waits for an RCU grace period), and no call makes that shorter.
  row(1, 300, undefined),
  row(450, 30, 0.05),
  againstC(1, 300),
  againstC(450, 300),
  floor(1, 300),
  floor(450, 30),
]

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

function row(layers, count, bound) {
  return {
    name: `mount-clone/${layers}`,
    work: `${count} x a second read-only view of an overlay of ${layers} lower layers, and its end`,
    against: 'mounting it anew',
    bound,
    prepare: async (bench) => {
      const made = makeOverlay(bench, `clone-${layers}`, layers)
      mkdirSync(join(made.directory, 'view'))
      await inside(made, () => mountSync('overlay', 'mnt', 'overlay', 0, made.data))
      // Read-only, the upper layer is one more of those below.
      const lowers = made.data.replace(/^lowerdir=/, 'lowerdir=u:').replace(/,.*/, '')
      return { ...made, count, lowers }
    },
    ours: (state) => inside(state, () => cloned(state)),
    peer: (state) => inside(state, () => mountedAnew(state)),
    end: dropOverlay,
  }
}

export default [row(1, 300, 0.2), row(450, 30, 0.05)]

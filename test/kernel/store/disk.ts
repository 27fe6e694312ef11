import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MNT_DETACH, mountSync, syncfsSync, umount2Sync } from 'graphdriver/sys'
import { skip } from '../../skip.ts'

/** A filesystem in a file, as small as its maker lets it be. Nothing but a sync writes to it while a test lasts. */
export interface DiskKind {
  readonly name: string
  readonly bytes: number
  readonly make: readonly string[]
  /** Debian's package of its maker. */
  readonly package: string
  readonly options: string
}

export const diskKinds: readonly DiskKind[] = [
  {
    name: 'ext4',
    bytes: 64 << 20,
    make: ['mkfs.ext4', '-q', '-F'],
    package: 'e2fsprogs',
    // Without what mends programs that forget to sync before they rename (ext4(5)).
    options: 'commit=300,noauto_da_alloc',
  },
  { name: 'xfs', bytes: 320 << 20, make: ['mkfs.xfs', '-q', '-f'], package: 'xfsprogs', options: 'noatime' },
  {
    name: 'btrfs',
    bytes: 128 << 20,
    make: ['mkfs.btrfs', '-q', '-f'],
    package: 'btrfs-progs',
    options: 'commit=300',
  },
]

const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }

/** Makes the filesystem's image. */
export function makeDisk(kind: DiskKind, image: string): void {
  const fd = openSync(image, 'w')
  ftruncateSync(fd, kind.bytes)
  closeSync(fd)
  const [program = '', ...args] = kind.make
  execFileSync(program, [...args, image], { env, stdio: 'ignore' })
}

/** Mounts an image by a loop device, which goes with the mount. */
export function mountDisk(kind: DiskKind, image: string, at: string): void {
  mkdirSync(at, { recursive: true })
  // Of two mounted copies of one image each has the other's UUID.
  const options = kind.name === 'xfs' ? `${kind.options},nouuid` : kind.options
  const done = spawnSync('mount', ['-t', kind.name, '-o', `loop,${options}`, image, at], {
    env,
    encoding: 'utf8',
  })
  assert.equal(done.status, 0, done.stderr)
}

/**
 * Mounts what a loss of power left, at `at`, with a store in `root`. The machine would start anew, and what was noted to be clean before does not
 * count then (lib/store/swept.ts); here it goes on, so the note is taken away. (btrfs shows a name that its log brought back in a directory with the times of before.)
 */
export function mountAfterLoss(kind: DiskKind, image: string, at: string, root: string): void {
  mountDisk(kind, image, at)
  rmSync(join(root, 'swept'), { force: true })
}

export function unmountDisk(at: string): void {
  const done = spawnSync('umount', [at], { env, encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
}

/** Why disks of a kind cannot be had here; undefined: they can. */
function refusalOf(kind: DiskKind, image: string, at: string): string | undefined {
  try {
    makeDisk(kind, image)
  } catch (error) {
    return `${kind.make[0] ?? ''} (package ${kind.package}): ${(error as Error).message}`
  }
  try {
    mountDisk(kind, image, at)
    unmountDisk(at)
    return undefined
  } catch (error) {
    return (error as Error).message.split('\n', 1)[0]
  }
}

type At = (...names: string[]) => string

/** Memory below a suite's directory, for the images of disks; answers the paths in it. */
export function placeForDisks(directory: string): At {
  const at: At = (...names) => join(directory, 'disks', ...names)
  before(() => {
    mkdirSync(at())
    mountSync('disks', at(), 'tmpfs', 0, 'size=3g')
  })
  return at
}

/** A suite for one kind of disk, at `disk`; what its cases leave there, and in `copies`, goes after each. */
export function describeDisk(kind: DiskKind, at: At, body: () => void): void {
  describe(kind.name, () => {
    before(function () {
      const refusal = refusalOf(kind, at('image'), at('disk'))
      if (refusal !== undefined) skip(this, refusal)
    })
    afterEach(() => {
      if (readdirSync(at('disk')).length > 0) umount2Sync(at('disk'), MNT_DETACH)
      rmSync(at('copies'), { recursive: true, force: true })
    })
    body()
  })
}

/** syncfs(2): all that was written until now survives. */
export function persist(path: string): void {
  const fd = openSync(path, 'r')
  try {
    syncfsSync(fd)
  } finally {
    closeSync(fd)
  }
}

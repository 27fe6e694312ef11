import assert from 'node:assert/strict'
import {
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type GraphDriver, open } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { mount, umount2 } from 'graphdriver/sys'
import { installFake } from '../../fake-aufs/install.ts'
import { describeUnless } from '../../skip.ts'
import { whyNot, workingDrivers } from '../working-drivers.ts'
import { assertUnlocked, codeOf, mountsBelow, scratchDirectory, storeSnapshot } from './support.ts'

const PAGE = 4096
/** More of either than it takes. */
const PLENTY = 60

/** Something of everything; several pages of contents. */
function layer(): Readable {
  return fromEntries([
    { name: '.wh.a', type: 'file' },
    { name: 'd/', type: 'directory', mode: 0o700 },
    { name: 'd/.wh..wh..opq', type: 'file' },
    {
      name: 'd/large',
      type: 'file',
      body: Buffer.alloc(5 * PAGE + 1, 'l'),
      xattrs: new Map([['trusted.x', Buffer.alloc(300)]]),
    },
    { name: 'd/link', type: 'symlink', linkname: 'n'.repeat(3000) },
    { name: 'hard', type: 'link', linkname: 'd/large' },
    { name: 'made/on/the/way', type: 'file', body: Buffer.alloc(PAGE, 'w') },
    { name: 'null', type: 'char', major: 1, minor: 3 },
    { name: 'fifo', type: 'fifo' },
    ...Array.from({ length: 5 }, (_, i) => ({
      name: `f${i}`,
      type: 'file' as const,
      body: Buffer.alloc(10, 'f'),
    })),
    { name: 'd/', type: 'directory', mode: 0o711, mtime: 5n },
  ])
}

/** A tmpfs of few inodes and bytes, and what fills it. */
class SmallDisk {
  readonly path: string
  #fillers: string[] = []
  #big: number | undefined

  constructor(path: string) {
    this.path = path
    mkdirSync(join(path, 'filler'))
  }

  /** Takes all inodes but so many. */
  leaveInodes(count: number): void {
    until('ENOSPC', () => {
      const path = join(this.path, 'filler', String(this.#fillers.length))
      writeFileSync(path, '')
      this.#fillers.push(path)
    })
    for (const path of this.#fillers.splice(this.#fillers.length - count)) unlinkSync(path)
  }

  /** Takes all pages but so many. */
  leavePages(count: number): void {
    const fd = (this.#big = openSync(join(this.path, 'filler/big'), 'w'))
    let pages = 0
    until('ENOSPC', () => {
      writeSync(fd, Buffer.alloc(PAGE, 'x'))
      pages++
    })
    ftruncateSync(fd, Math.max(0, pages - count) * PAGE)
  }

  makeRoom(): void {
    for (const path of this.#fillers.splice(0)) unlinkSync(path)
    if (this.#big === undefined) return
    closeSync(this.#big)
    unlinkSync(join(this.path, 'filler/big'))
    this.#big = undefined
  }
}

function until(code: string, work: () => void): void {
  for (;;) {
    try {
      work()
    } catch (error) {
      if (codeOf(error) !== code) throw error
      return
    }
  }
}

const kinds: readonly [title: string, driver: string, fake: boolean][] = [
  ['overlay', 'overlay', false],
  ['vfs', 'vfs', false],
  workingDrivers.includes('aufs') ? ['aufs', 'aufs', false] : ['aufs on a fake kernel', 'aufs', true],
]

describe('a disk that is full while a tar is unpacked', () => {
  const scratch = scratchDirectory()

  for (const [title, driver, fake] of kinds) {
    describeUnless(fake ? undefined : whyNot(driver), title, () => {
      let disk: SmallDisk
      let root: string
      let store: GraphDriver
      let rest: string[]
      let takeAway: (() => void) | undefined

      beforeEach(async () => {
        const path = scratch.fresh('disk')
        mkdirSync(path)
        await mount('tmpfs', path, 'tmpfs', 0, 'size=1m,nr_inodes=250')
        disk = new SmallDisk(path)
        // Its unions need a directory of the filesystem that the layers are on.
        if (fake) takeAway = installFake(mkdtempSync(join(path, 'fake-')))
        root = join(path, 'root')
        store = await open({ root, driver })
        await store.create('base')
        const base = await store.get('base')
        mkdirSync(join(base, 'd'))
        for (const name of ['a', 'b', 'd/c']) writeFileSync(join(base, name), 'x'.repeat(10_000))
        await store.put('base')
        await store.create('top', { parent: 'base' })
        rest = storeSnapshot(root)
      })
      afterEach(async () => {
        await store.close()
        takeAway?.()
        assert.deepEqual(await mountsBelow(disk.path), [disk.path])
        await umount2(disk.path)
      })

      async function assertUnchanged(where: string): Promise<void> {
        assert.deepEqual(storeSnapshot(root), rest, where)
        assert.deepEqual(await store.list().then((all) => all.map(({ id }) => id)), ['base', 'top'], where)
        await assertUnlocked(root)
      }

      /** Leaves nothing, then a little, and so on, until it works; answers how often it failed. */
      async function tryWithMoreAndMore(
        leave: (count: number) => void,
        work: () => Promise<unknown>,
      ): Promise<number> {
        for (let count = 0; count < PLENTY; count++) {
          leave(count)
          try {
            await work()
            disk.makeRoom()
            return count
          } catch (error) {
            const failure = error as { code?: string; errno?: number; syscall?: string }
            assert.equal(failure.code, 'ENOSPC', `with ${count} left: ${String(error)}`)
            assert.equal(failure.errno, -28)
            assert.ok(failure.syscall, `with ${count} left it is not said what failed`)
          }
          disk.makeRoom()
          await assertUnchanged(`with ${count} left`)
        }
        throw new Error('it never worked')
      }

      const works: readonly [title: string, id: string, work: () => Promise<unknown>][] = [
        ['applyDiff', 'top', () => store.applyDiff('top', layer())],
        ['create from a tar', 'new', () => store.create('new', { parent: 'base', from: layer() })],
      ]
      // With little room in the beginning, and a chain that takes more.
      it('flatten: with more and more of both', async () => {
        await store.applyDiff('top', layer())
        rest = storeSnapshot(root)
        const flatten = (): Promise<void> => store.flatten('top', 'flat')
        assert.ok((await tryWithMoreAndMore((count) => disk.leaveInodes(count), flatten)) >= 8)
        await store.remove('flat')
        assert.ok((await tryWithMoreAndMore((count) => disk.leavePages(count), flatten)) >= 5)
        const shown = await store.changes('flat')
        for (const path of ['/b', '/d/large', '/hard', '/made/on/the/way', '/f4'])
          assert.ok(
            shown.some((change) => change.path === path),
            path,
          )
        assert.ok(!shown.some(({ path }) => path === '/a' || path === '/d/c'))
      })
      for (const [verb, id, work] of works) {
        it(`${verb}: with more and more inodes`, async () => {
          const failures = await tryWithMoreAndMore((count) => disk.leaveInodes(count), work)
          assert.ok(failures >= 15, `it only failed ${failures} times`)
          await assertWhole(id)
        })
        it(`${verb}: with more and more room for contents`, async () => {
          const failures = await tryWithMoreAndMore((count) => disk.leavePages(count), work)
          assert.ok(failures >= 7, `it only failed ${failures} times`)
          await assertWhole(id)
        })
      }

      /** The layer is as one that had room from the beginning. */
      async function assertWhole(id: string): Promise<void> {
        await store.create('whole', { parent: 'base', from: layer() })
        const attributes = (line: string): string => line.replace(/^[^/ ]*/, '')
        const treeOf = async (which: string): Promise<string[]> =>
          storeSnapshot((await store.layout(which)).diff).map(attributes)
        const whole = await treeOf('whole')
        assert.ok(whole.length > 15)
        assert.deepEqual(await treeOf(id), whole)
      }
    })
  }
})

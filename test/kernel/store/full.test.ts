import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { type GraphDriver, open } from 'graphdriver'
import { mount, umount2 } from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import type { Failure } from '#lib/sys/native.js'
import { describeOn, workingDrivers } from '../working-drivers.ts'
import { assertUnlocked, codeOf, mountsBelow, scratchDirectory, storeSnapshot } from './support.ts'

/** More inodes than any verb needs. */
const PLENTY = 40

describe('a full disk', () => {
  const scratch = scratchDirectory()
  let disk: string
  let root: string
  let fillers: string[]

  beforeEach(async () => {
    disk = scratch.fresh('disk')
    root = join(disk, 'root')
    mkdirSync(disk)
    await mount('tmpfs', disk, 'tmpfs', 0, 'size=1m,nr_inodes=200')
    mkdirSync(join(disk, 'filler'))
    fillers = []
  })
  afterEach(async () => {
    assert.deepEqual(await mountsBelow(disk), [disk])
    await umount2(disk)
  })

  /** Takes all inodes but so many. */
  function leave(inodes: number): void {
    for (;;) {
      const path = join(disk, 'filler', String(fillers.length))
      try {
        writeFileSync(path, '')
      } catch (error) {
        if (codeOf(error) !== 'ENOSPC') throw error
        break
      }
      fillers.push(path)
    }
    for (const path of fillers.splice(fillers.length - inodes)) unlinkSync(path)
  }

  function makeRoom(): void {
    for (const path of fillers.splice(0)) unlinkSync(path)
  }

  /**
   * Tries with no inode left, then one, and so on, until it works. Each failure is ENOSPC and leaves all as it was.
   *
   * @returns how often it failed.
   */
  async function tryWithMoreAndMore(
    work: () => Promise<unknown>,
    unchanged: () => Promise<void>,
  ): Promise<number> {
    for (let inodes = 0; inodes < PLENTY; inodes++) {
      leave(inodes)
      const where = `with ${String(inodes)} inodes left`
      try {
        await work()
        return inodes
      } catch (error) {
        assert.equal(codeOf(error), 'ENOSPC', `${where}: ${String(error)}`)
      }
      makeRoom()
      await unchanged().catch((error: unknown) => {
        throw new Error(where, { cause: error })
      })
    }
    throw new Error('it never worked')
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      let store: GraphDriver
      let rest: string[]

      /** A store with a base, at rest. */
      async function begin(): Promise<void> {
        store = await open({ root, driver })
        await store.create('base')
        const path = await store.get('base')
        for (const name of ['a', 'b', 'c']) writeFileSync(join(path, name), 'x'.repeat(10_000))
        await store.put('base')
        rest = storeSnapshot(root)
      }

      async function unchanged(): Promise<void> {
        assert.deepEqual(storeSnapshot(root), rest)
        assert.deepEqual(await mountsBelow(root), [])
        await assertUnlocked(root)
      }

      it('create fails, leaves nothing, and works when there is room', async () => {
        await begin()
        const failures = await tryWithMoreAndMore(() => store.create('top', { parent: 'base' }), unchanged)
        assert.ok(failures >= 5, `it only failed ${String(failures)} times`)
        makeRoom()
        assert.equal(await store.exists('top'), true)
        await store.get('top')
        await store.close()
      })
      it('create fails with no room for its metadata', async () => {
        await begin()
        const filler = join(disk, 'filler/big')
        try {
          for (let size = 1 << 16; size >= 1024; size >>= 1) {
            for (;;) {
              const made = `${filler}.${String(size)}.${String(readdirSync(join(disk, 'filler')).length)}`
              writeFileSync(made, Buffer.alloc(size, 'x'))
            }
          }
        } catch (error) {
          assert.equal(codeOf(error), 'ENOSPC')
        }
        await assert.rejects(store.create('top', { parent: 'base' }), (error) => codeOf(error) === 'ENOSPC')
        await unchanged()
        rmSync(join(disk, 'filler'), { recursive: true })
        await store.create('top', { parent: 'base' })
        await store.close()
      })
      it('get fails, leaves nothing, and works when there is room', async () => {
        await begin()
        await store.create('top', { parent: 'base' })
        rest = storeSnapshot(root)
        const failures = await tryWithMoreAndMore(async () => {
          const path = await store.get('top')
          makeRoom()
          writeFileSync(join(path, 'new'), 'x')
          assert.deepEqual(readdirSync(path), ['a', 'b', 'c', 'new'])
        }, unchanged)
        assert.ok(failures >= 1)
        await store.close()
      })
      it('a read-only get fails, leaves nothing, and works when there is room', async () => {
        await begin()
        await store.create('top', { parent: 'base' })
        rest = storeSnapshot(root)
        const failures = await tryWithMoreAndMore(async () => {
          const path = await store.get('top', { readOnly: true })
          assert.deepEqual(readdirSync(path), ['a', 'b', 'c'])
        }, unchanged)
        assert.ok(failures >= 1)
        makeRoom()
        await store.close()
      })
      it('put and remove need none', async () => {
        await begin()
        await store.create('top', { parent: 'base' })
        await store.get('top')
        leave(0)
        await store.put('top')
        await store.remove('top')
        makeRoom()
        await unchanged()
        await store.close()
      })
      if (driver === 'overlay')
        it('remove needs none where the kernel wants a directory for a question', async () => {
          await begin()
          await store.create('top', { parent: 'base' })
          // As Linux 6.14 and older answer, which take no upper directory on a tmpfs that is mounted nowhere.
          const overlayInUse = async (): Promise<Failure> => ({
            errno: -constants.errno.EINVAL,
            step: 2,
            log: '',
          })
          setBinding({ ...binding(), overlayInUse })
          leave(0)
          try {
            await store.remove('top')
          } finally {
            setBinding(undefined)
            makeRoom()
          }
          await unchanged()
          await store.close()
        })
      it('open fails, and works when there is room', async () => {
        const failures = await tryWithMoreAndMore(
          async () => {
            store = await open({ root, driver })
          },
          async () => undefined,
        )
        assert.ok(failures >= 3)
        makeRoom()
        await store.create('base')
        await store.close()
        assert.deepEqual(readdirSync(disk).sort(), ['filler', 'root'])
      })
    })
  }

  it('makes nobody choose another driver', async function () {
    const [first] = workingDrivers
    const failures = await tryWithMoreAndMore(
      async () => {
        const store = await open({ root })
        assert.equal(store.name, first)
        await store.close()
      },
      async () => undefined,
    )
    assert.ok(failures >= 3)
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { mount, MS_BIND, MS_RDONLY, MS_REMOUNT, umount2 } from 'graphdriver/sys'
import { LONG } from '../../figures.ts'
import { describeOn } from '../working-drivers.ts'
import { assertUnlocked, codeOf, mountsBelow, scratchDirectory, storeSnapshot } from './support.ts'

function tar(): AsyncIterable<Uint8Array> {
  return fromEntries([{ name: 'new', type: 'file', body: Buffer.from('of the tar') }])
}

type Work = (store: GraphDriver) => Promise<unknown>

/** What writes, and what takes it back. */
const WRITERS: [name: string, work: Work, back: Work][] = [
  ['create', (store) => store.create('new', { parent: 'base' }), (store) => store.remove('new')],
  ['create from a tar', (store) => store.create('new', { from: tar() }), (store) => store.remove('new')],
  ['get', (store) => store.get('top'), (store) => store.put('top')],
  ['get read-only', (store) => store.get('top', { readOnly: true }), (store) => store.put('top')],
  ['applyDiff', (store) => store.applyDiff('spare', tar()), (store) => store.remove('spare')],
  ['remove', (store) => store.remove('spare2'), (store) => store.create('spare2', { parent: 'base' })],
]
const READERS: [name: string, work: Work][] = [
  [
    'diff',
    async (store) => {
      for await (const chunk of await store.diff('top')) assert.ok(chunk)
    },
  ],
  ['changes', (store) => store.changes('top')],
  ['diffSize', (store) => store.diffSize('top')],
  ['list', (store) => store.list()],
  ['status', (store) => store.status()],
]

describe('a store that lacks something', () => {
  const scratch = scratchDirectory()

  async function begin(driver: string): Promise<{ store: GraphDriver; root: string; disk: string }> {
    const disk = scratch.fresh('disk')
    mkdirSync(disk)
    await mount('tmpfs', disk, 'tmpfs')
    const root = join(disk, 'root')
    const store = await open({ root, driver, sync: 'none' })
    await store.create('base')
    writeFileSync(join(await store.get('base'), 'file'), 'x')
    await store.put('base')
    for (const id of ['top', 'spare', 'spare2']) await store.create(id, { parent: 'base' })
    // With vfs the copy is made at the first use.
    await store.get('top')
    await store.put('top')
    return { store, root, disk }
  }

  /** Without what nobody sees: to delete it takes a descriptor, too, so the next who opens the store does that. */
  function visible(root: string): string[] {
    return storeSnapshot(root).filter((line) => !line.startsWith('staging/'))
  }

  async function end(store: GraphDriver, disk: string): Promise<void> {
    await store.close()
    await umount2(disk)
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      it('may not write (EROFS): what writes fails and changes nothing, what reads works, and all does afterwards', async () => {
        const { store, root, disk } = await begin(driver)
        const before = storeSnapshot(root)
        // The kernel makes nothing read-only where a file is open for writing, and the lock is. It is by a second mount on top.
        await mount(disk, disk, null, MS_BIND)
        await mount(null, disk, null, MS_REMOUNT | MS_BIND | MS_RDONLY)
        for (const [name, work] of WRITERS) {
          // A union that is mounted nowhere new, and a directory as it is, need nothing written.
          if (driver === 'vfs' && name === 'get') continue
          await assert.rejects(
            work(store),
            (error) => {
              assert.equal(codeOf(error), 'EROFS', `${name}: ${String(error)}`)
              return true
            },
            name,
          )
          assert.deepEqual(storeSnapshot(root), before, name)
        }
        for (const [, work] of READERS) await work(store)
        await assert.rejects(open({ root, driver }), (error) => codeOf(error) === 'EROFS')
        const reader = await open({ root, readOnly: true })
        assert.equal((await reader.list()).length, 4)
        await reader.close()
        await umount2(disk)
        for (const [, work, back] of WRITERS) {
          await work(store)
          await back(store)
        }
        await end(store, disk)
      })

      it('has no descriptor left, or one, or some (EMFILE): each verb fails and changes nothing, until there are enough', async function () {
        this.timeout(120_000)
        const { store, root, disk } = await begin(driver)
        const taken: number[] = []
        const limit = (soft: string): void => {
          const { status, stderr } = spawnSync(
            'prlimit',
            ['--pid', String(process.pid), `--nofile=${soft}:`],
            { encoding: 'utf8' },
          )
          assert.equal(status, 0, stderr)
        }
        const usual = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))![1]!
        const most = Math.max(...readdirSync('/proc/self/fd').map(Number)) + 60
        const fill = (left: number): void => {
          try {
            for (;;) taken.push(openSync('/dev/null', 'r'))
          } catch (error) {
            assert.equal(codeOf(error), 'EMFILE')
          }
          for (const fd of taken.splice(taken.length - left)) closeSync(fd)
        }
        const free = (): void => {
          for (const fd of taken.splice(0)) closeSync(fd)
        }
        let failures = 0
        limit(String(most))
        try {
          for (const [name, work, back] of [
            ...WRITERS,
            ...READERS.map(([each, read]) => [each, read, undefined] as const),
          ]) {
            const before = visible(root)
            for (let left = 0; ; left += LONG ? 1 : 1 + (left & 1)) {
              assert.ok(left < 50, `${name} never works`)
              fill(left)
              let failed: unknown
              try {
                await work(store)
              } catch (error) {
                failed = error
              }
              free()
              if (failed === undefined) break
              failures++
              assert.equal(codeOf(failed), 'EMFILE', `${name} with ${String(left)}`)
              // From the commit on it is gone, and only its deletion is left to whoever comes next.
              if (name === 'remove' && !(await store.exists('spare2'))) break
              assert.deepEqual(visible(root), before, `${name} with ${String(left)}`)
              assert.deepEqual(await mountsBelow(root), [], `${name} with ${String(left)}`)
            }
            await back?.(store)
            if (name === 'applyDiff') await store.create('spare', { parent: 'base' })
          }
        } finally {
          free()
          limit(usual)
        }
        assert.ok(failures > 15, `it only failed ${String(failures)} times`)
        await store.close()
        await (await open({ root, driver })).close()
        assert.deepEqual(readdirSync(join(root, 'staging')), [])
        await assertUnlocked(root)
        await umount2(disk)
      })
    })
  }
})

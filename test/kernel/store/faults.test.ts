import assert from 'node:assert/strict'
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open, type Rootfs, type WarningEvent } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { mount, setxattrSync } from 'graphdriver/sys'
import { LONG } from '../../figures.ts'
import { describeOn } from '../working-drivers.ts'
import { type Fault, Injector } from './injector.ts'
import { assertUnlocked, codeOf, mountsBelow, scratchDirectory, seeded, storeSnapshot } from './support.ts'

/** A verb; what it says when it is called again and was done already. */
interface Verb {
  readonly name: string
  readonly prepare?: (store: GraphDriver) => Promise<unknown>
  readonly work: (store: GraphDriver) => Promise<unknown>
  readonly done?: string
  /** Gives back what the verb took. */
  readonly after?: (store: GraphDriver) => Promise<unknown>
}

function tar(): AsyncIterable<Uint8Array> {
  return fromEntries([
    { name: 'd/', type: 'directory' },
    { name: 'd/new', type: 'file', body: Buffer.from('of the tar') },
    { name: '.wh.file', type: 'file', size: 0 },
  ])
}

async function drain(store: GraphDriver, id: string): Promise<void> {
  for await (const chunk of await store.diff(id)) assert.ok(chunk)
}

/** What `use` took. */
const handles: Rootfs[] = []

const VERBS: Verb[] = [
  { name: 'create', work: (store) => store.create('new', { parent: 'base' }), done: 'ERR_LAYER_EXISTS' },
  {
    name: 'create from a tar',
    work: (store) => store.create('new', { parent: 'base', from: tar() }),
    done: 'ERR_LAYER_EXISTS',
  },
  { name: 'get', work: (store) => store.get('top'), after: (store) => store.put('top') },
  {
    name: 'get read-only',
    work: (store) => store.get('top', { readOnly: true }),
    after: (store) => store.put('top'),
  },
  {
    name: 'use',
    work: async (store) => {
      handles.push(await store.use('top'))
    },
    after: async () => {
      for (const handle of handles.splice(0)) await handle.release()
    },
  },
  { name: 'flatten', work: (store) => store.flatten('top', 'new'), done: 'ERR_LAYER_EXISTS' },
  { name: 'mounts', work: (store) => store.mounts('top') },
  { name: 'put', prepare: (store) => store.get('top'), work: (store) => store.put('top') },
  {
    name: 'put of a view',
    prepare: (store) => store.get('top', { readOnly: true }),
    work: (store) => store.put('top'),
  },
  { name: 'applyDiff', work: (store) => store.applyDiff('top', tar()), done: 'ERR_LAYER_NOT_EMPTY' },
  { name: 'remove', work: (store) => store.remove('top'), done: 'ERR_LAYER_NOT_FOUND' },
  { name: 'diff', work: (store) => drain(store, 'top') },
  { name: 'changes', work: (store) => store.changes('top') },
  { name: 'diffSize', work: (store) => store.diffSize('top') },
  { name: 'list', work: (store) => store.list() },
  { name: 'cleanup', work: (store) => store.cleanup({ orphans: true }) },
]

type SyncLevel = 'none' | 'metadata' | 'full'

const EIO: Fault = { code: 'EIO', calls: 'all' }
const NO_MEMORY: Fault = { code: 'ENOMEM', calls: 'mounts' }
const NO_DESCRIPTOR: Fault = { code: 'EMFILE', calls: 'all' }
const FAULTS: readonly [fault: Fault, sync: SyncLevel][] = [
  [EIO, 'none'],
  [EIO, 'full'],
  [NO_MEMORY, 'none'],
  [NO_DESCRIPTOR, 'none'],
]

/**
 * A trial that could not be deleted, which is when it is old, and what is in the staging area, at the next open; a work directory, which is
 * made anew; and the mark of a copy that is still to be made, which counts for an empty layer only.
 */
const OF_NO_ACCOUNT = /^(\.graphdriver-probe-|staging\/.|(work|pending)\/top\b)/

/** How many faults there were, for the title of the last case: a figure that is seen. */
let injected = 0

describe('a system call that fails', function () {
  this.timeout(LONG ? 1_200_000 : 120_000)
  const scratch = scratchDirectory()
  const injector = new Injector()
  const random = seeded(1969)

  before(() => mount('tmpfs', scratch.path, 'tmpfs'))
  before(() => {
    injector.install()
  })
  after(() => {
    injector.uninstall()
  })

  async function begin(
    driver: string,
    verb: Verb,
    sync: SyncLevel = 'none',
  ): Promise<{ root: string; store: GraphDriver }> {
    const root = scratch.fresh()
    const store = await open({ root, driver, sync })
    await store.create('base')
    const path = await store.get('base')
    writeFileSync(join(path, 'file'), 'of the base')
    // Attributes that no directory has by itself: whoever leaves out one of them is seen.
    chownSync(path, 7, 8)
    chmodSync(path, 0o711)
    // No user.*: tmpfs takes them since Linux 6.6.
    setxattrSync(path, 'trusted.own', Buffer.from('x'))
    await store.put('base')
    await store.create('top', { parent: 'base' })
    await verb.prepare?.(store)
    return { root, store }
  }

  /** The state that a root comes to when it is opened by the next one. */
  async function atRest(root: string): Promise<string> {
    await (await open({ root })).close()
    assert.deepEqual(await mountsBelow(root), [])
    await assertUnlocked(root)
    return stateOf(root)
  }

  function stateOf(root: string): string {
    const lines = storeSnapshot(root).filter((line) => !OF_NO_ACCOUNT.test(line))
    return lines.join('\n')
  }

  /** Every call of a verb, or some of them where there is little time. */
  function chosen(calls: number): number[] {
    const all = Array.from({ length: calls }, (_, index) => index + 1)
    return LONG ? all : all.filter(() => random() < 6 / calls)
  }

  function expected(error: unknown, fault: Fault, where: string): void {
    // The kernel's own code, or what it means here.
    const codes = [fault.code, 'ERR_LAYER_CORRUPT', 'ERR_DRIVER_BACKING_FS', 'ERR_DRIVER_NOT_SUPPORTED']
    const reached = new Set<string>()
    for (let each = error; each instanceof Error; each = each.cause) reached.add(codeOf(each))
    assert.ok(
      codes.includes(codeOf(error)) && reached.has(fault.code),
      `${where}: ${String(error)} ${[...reached].join()}`,
    )
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      for (const verb of VERBS) {
        for (const [fault, sync] of FAULTS) {
          if (!LONG && fault === NO_DESCRIPTOR) continue
          // What is synced makes calls of its own, one of them behind the commit.
          if (sync === 'full' && !/^(create|applyDiff|remove)/.test(verb.name)) continue
          it(`${verb.name}: ${fault.code} of ${fault.calls === 'all' ? 'any call' : 'a mount'}, sync: ${sync}`, async () => {
            const undisturbed = await begin(driver, verb, sync)
            const before = stateOf(undisturbed.root)
            const { calls, error } = await injector.run(fault, 0, () => verb.work(undisturbed.store))
            assert.equal(error, undefined)
            await verb.after?.(undisturbed.store)
            await undisturbed.store.close()
            const done = await atRest(undisturbed.root)
            for (const at of chosen(calls.length)) {
              const { root, store } = await begin(driver, verb, sync)
              const mounted = await mountsBelow(root)
              const failed = await injector.run(fault, at, () => verb.work(store))
              const where = `${verb.name}, call ${String(at)} (${failed.calls[at - 1] ?? 'none'})`
              injected++
              if (failed.error !== undefined) {
                expected(failed.error, fault, where)
                // What is taken back goes mount by mount; nothing that was not there may be there.
                const now = await mountsBelow(root)
                assert.deepEqual(
                  now.filter((path) => !mounted.includes(path)),
                  [],
                  where,
                )
                if (verb.prepare === undefined) assert.deepEqual(now, mounted, where)
                // At once. What is taken back is as before where there was nothing to take back.
                // A get may have made vfs's copy.
                if (/^(get|use|mounts)/.test(verb.name))
                  assert.ok([before, done].includes(stateOf(root)), where)
                else if (!/^(put|cleanup)/.test(verb.name)) assert.equal(stateOf(root), before, where)
                // Works when the cause is gone, unless it was done but for what the next one completes.
                const { error: again } = await injector.run(fault, 0, () => verb.work(store))
                if (again !== undefined) assert.equal(codeOf(again), verb.done, where)
              }
              await verb.after?.(store)
              await store.close()
              assert.equal(await atRest(root), done, where)
              if (failed.error === undefined || verb.after !== undefined) continue
              // And once more, without a second try: as it was, or done.
              const other = await begin(driver, verb, sync)
              await injector.run(fault, at, () => verb.work(other.store))
              await other.store.close()
              const state = await atRest(other.root)
              assert.ok([before, done].includes(state), `${where}: neither as before nor as after:\n${state}`)
            }
          })
        }
      }
      it('remove: from its commit on it is done, and what is left is told of and deleted by the next open', async () => {
        const verb = VERBS.find(({ name }) => name === 'remove')!
        const first = await begin(driver, verb)
        const { calls } = await injector.run(EIO, 0, () => verb.work(first.store))
        await first.store.close()
        const warnings: WarningEvent[] = []
        const listen: ChannelListener = (message) => warnings.push(message as WarningEvent)
        subscribe('graphdriver:warning', listen)
        let postponed = 0
        try {
          for (let at = 1; at <= calls.length; at++) {
            const { root, store } = await begin(driver, verb)
            const { error } = await injector.run(EIO, at, () => store.remove('top'))
            assert.equal(
              await store.exists('top'),
              error !== undefined,
              `call ${String(at)}: ${String(error)}`,
            )
            const codes = warnings.splice(0).map(({ code }) => code)
            if (error === undefined) {
              postponed += codes.length
              assert.ok(codes.every((code) => code === 'DELETION_POSTPONED'))
              const { error: again } = await injector.run(EIO, 0, () => store.remove('top'))
              assert.equal(codeOf(again), 'ERR_LAYER_NOT_FOUND')
            }
            await store.close()
            const left = await atRest(root)
            assert.equal(/top/.test(left), error !== undefined, left)
          }
        } finally {
          unsubscribe('graphdriver:warning', listen)
        }
        assert.ok(postponed > 3, `only ${String(postponed)} were behind the commit`)
      })
      it('put of a view, that of the last reference: until it works the view is there, or had again', async function () {
        const view = VERBS.find(({ name }) => name === 'put of a view')!
        const { calls } = await injector.run(EIO, 0, async () => {
          const { store } = await begin(driver, view)
          await store.put('top')
          await store.close()
        })
        let failures = 0
        for (let at = 1; at <= calls.length; at++) {
          const { root, store } = await begin(driver, view)
          const { error } = await injector.run(EIO, at, () => store.put('top'))
          if (error !== undefined) {
            failures++
            const where = `call ${String(at)}`
            assert.equal((await store.list()).find(({ id }) => id === 'top')?.held, true, where)
            const path = await store.get('top', { readOnly: true })
            assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'of the base', where)
            await store.put('top')
            assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'of the base', where)
            await store.put('top')
            await store.remove('top')
          }
          await store.close()
          await atRest(root)
        }
        assert.ok(failures > 1)
      })
      it('open: EIO of any call', async () => {
        const begun = await begin(driver, VERBS[0]!)
        await begun.store.close()
        const rest = await atRest(begun.root)
        const opening = async (): Promise<void> => (await open({ root: begun.root, driver })).close()
        const { calls } = await injector.run(EIO, 0, opening)
        for (const at of chosen(calls.length)) {
          const { error, calls: made } = await injector.run(EIO, at, opening)
          injected++
          if (error !== undefined) expected(error, EIO, `call ${String(at)} (${made[at - 1] ?? ''})`)
          assert.equal(await atRest(begun.root), rest)
        }
      })
      it('open of a new root: EIO of any call', async () => {
        let root = ''
        const opening = async (): Promise<void> => (await open({ root, driver })).close()
        root = scratch.fresh()
        const { calls } = await injector.run(EIO, 0, opening)
        const made = await atRest(root)
        for (const at of chosen(calls.length)) {
          root = scratch.fresh()
          const { error, calls: names } = await injector.run(EIO, at, opening)
          injected++
          if (error !== undefined) expected(error, EIO, `call ${String(at)} (${names[at - 1] ?? ''})`)
          await opening()
          assert.equal(await atRest(root), made)
        }
      })
    })
  }

  after(() => {
    console.log(`      ${String(injected)} faults were injected`)
  })
})

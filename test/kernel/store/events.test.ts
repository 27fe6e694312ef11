import assert from 'node:assert/strict'
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MountEvent, RetryEvent, SweepEvent, UnmountEvent, WarningEvent } from 'graphdriver'
import { type GraphDriver, open } from 'graphdriver'
import { mount } from 'graphdriver/sys'
import { describeOn, itOn } from '../working-drivers.ts'
import { run, runWorker } from './processes.ts'
import { codeOf, scratchDirectory } from './support.ts'

const KINDS = ['mount', 'unmount', 'retry', 'sweep', 'warning'] as const
type Told = [kind: (typeof KINDS)[number], message: unknown]

describeOn('overlay', 'what happens is told to who listens', () => {
  const scratch = scratchDirectory()
  let root: string
  let told: Told[]
  const listeners = KINDS.map((kind): [string, ChannelListener] => [
    `graphdriver:${kind}`,
    (message) => told.push([kind, message]),
  ])
  const of = <T>(kind: Told[0]): T[] =>
    told.filter(([each]) => each === kind).map(([, message]) => message as T)

  beforeEach(() => {
    root = scratch.fresh()
    told = []
    for (const [name, listener] of listeners) subscribe(name, listener)
  })
  afterEach(() => {
    for (const [name, listener] of listeners) unsubscribe(name, listener)
    // Plain data: what a log or another process can take.
    for (const [, message] of told) assert.deepEqual(JSON.parse(JSON.stringify(message)), message)
  })

  async function stack(): Promise<GraphDriver> {
    const store = await open({ root, driver: 'overlay', sync: 'none' })
    await store.create('base')
    await store.create('top', { parent: 'base' })
    told.length = 0
    return store
  }

  it('a mount and an unmount', async () => {
    const store = await stack()
    const target = await store.get('top')
    const [mounted, ...others] = of<MountEvent>('mount')
    assert.deepEqual(others, [])
    const { milliseconds, ...rest } = mounted!
    assert.ok(milliseconds > 0)
    assert.deepEqual(rest, { target, type: 'overlay', form: 'mount' })
    await store.put('top')
    const [unmounted] = of<UnmountEvent>('unmount')
    assert.deepEqual({ ...unmounted!, milliseconds: 0 }, { target, detach: false, tries: 1, milliseconds: 0 })
    assert.deepEqual(
      told.map(([kind]) => kind),
      ['mount', 'unmount'],
    )
    await store.close()
  })

  it('a view', async () => {
    const store = await stack()
    const view = await store.get('base', { readOnly: true })
    assert.deepEqual(
      of<MountEvent>('mount').map(({ target, form }) => [target, form]),
      [[view, 'words']],
    )
    await store.close()
    assert.deepEqual(
      of<UnmountEvent>('unmount').map(({ target }) => target),
      [view],
    )
  })

  it('a mount that fails, and why', async () => {
    const store = await stack()
    rmdirSync(join(root, 'diff/base'))
    await assert.rejects(store.get('top'))
    assert.deepEqual(
      of<MountEvent>('mount').map(({ target, error }) => [target, error?.code]),
      [[join(root, 'mnt/top'), 'ENOENT']],
    )
    await store.close()
  })

  it('a busy mount: each retry, and the failure in the end', async () => {
    const store = await stack()
    const target = await store.get('top')
    writeFileSync(join(target, 'file'), '')
    const file = await openFile(join(target, 'file'))
    await assert.rejects(store.put('top'), (error) => codeOf(error) === 'ERR_LAYER_BUSY')
    const retries = of<RetryEvent>('retry')
    assert.deepEqual(
      retries.map(({ what, path, tries }) => [what, path, tries]),
      [1, 2, 3, 4].map((tries) => ['unmount', target, tries]),
    )
    assert.ok(retries.every(({ delayMs }) => delayMs > 0))
    const [failed] = of<UnmountEvent>('unmount')
    assert.deepEqual([failed?.tries, failed?.error?.code], [5, 'EBUSY'])
    assert.match(failed?.error?.message ?? '', new RegExp(`held by ${String(process.pid)}`))
    await file.close()
    await store.close()
  })

  it('waiting for a lock, and whose it is', async () => {
    const store = await stack()
    const other = await open({ root, driver: 'overlay' })
    told.length = 0
    const [one, two] = [store.create('a', { parent: 'top' }), other.create('b', { parent: 'top' })]
    await Promise.all([one, two])
    const retries = of<RetryEvent>('retry')
    assert.ok(retries.length > 0)
    for (const { what, path, ids } of retries) {
      assert.deepEqual([what, path], ['lock', join(root, 'lock')])
      assert.ok(ids?.includes('top'))
    }
    await store.close()
    await other.close()
  })

  it('what a dead process left, each kind of it', async () => {
    const store = await stack()
    await store.close()
    const options = { root, driver: 'overlay' }
    const left = async (work: (string | object)[], killAt: string): Promise<void> => {
      const { signal } = await runWorker({ options, work: [work as never], killAt })
      assert.equal(signal, 'SIGKILL')
    }
    const sweeps = async (): Promise<[string, string | undefined][]> => {
      told.length = 0
      const again = await open(options)
      await again.cleanup()
      await again.close()
      return of<SweepEvent>('sweep').map(({ what, id }) => [what, id])
    }
    await left(['create', 'new', { parent: 'top' }], 'made mnt')
    assert.deepEqual(await sweeps(), [['creation', 'new']])
    await left(['remove', 'top'], 'gone')
    assert.deepEqual(await sweeps(), [['removal', 'top']])
    mkdirSync(join(root, `staging/base.${'0'.repeat(32)}`))
    mkdirSync(join(root, `views/base.${'0'.repeat(32)}`))
    mkdirSync(join(root, 'diff/gone-removing'))
    mkdirSync(join(root, '.graphdriver-probe-2147483646-abcdef'))
    assert.deepEqual((await sweeps()).sort(), [
      ['leftover', 'gone'],
      ['staging', 'base'],
      ['trial', undefined],
      ['view', 'base'],
    ])
    assert.deepEqual(await sweeps(), [])
  })

  it('what cannot be deleted now', async () => {
    const store = await stack()
    await store.close()
    const entry = join(root, `staging/base.${'0'.repeat(32)}`)
    mkdirSync(join(entry, 'inside'), { recursive: true })
    await mount('tmpfs', join(entry, 'inside'), 'tmpfs')
    await (await open({ root })).close()
    const warnings = of<WarningEvent>('warning').map(({ code, path }) => [code, path])
    assert.deepEqual(warnings, [['SWEEP_POSTPONED', entry]])
  })

  it('a mount that is not the right one', async () => {
    const store = await stack()
    const target = join(root, 'mnt/top')
    await mount('tmpfs', target, 'tmpfs')
    assert.equal(await store.get('top'), target)
    assert.deepEqual(
      of<WarningEvent>('warning').map(({ code, path }) => [code, path]),
      [['MOUNT_REPLACED', target]],
    )
    await store.close()
  })
})

describe('nothing is printed', () => {
  const scratch = scratchDirectory()

  for (const driver of ['overlay', 'vfs']) {
    itOn(driver, `by any verb of ${driver}, whether it succeeds or fails`, async () => {
      const script = `
        import { convert, drivers, open, probe } from 'graphdriver'
        import { open as openFile } from 'node:fs/promises'
        const tar = async function* () { yield Buffer.alloc(1024) }
        const root = ${JSON.stringify(scratch.fresh())}
        let failures = 0
        const attempt = (work) => work.catch(() => { failures++ })
        await attempt(open({ root: '/dev/null' }))
        await probe(root)
        for (const readOnly of [false, true]) {
          const store = await open({ root, driver: ${JSON.stringify(driver)}, readOnly })
          await attempt(store.create('base'))
          for (const id of ['base', 'top', 'none']) {
            await attempt(store.create(id, { parent: 'base', from: tar() }))
            await attempt(store.create(id, { parent: 'base' }))
            await attempt(store.get(id))
            await attempt(store.put(id))
            await attempt(store.get(id, { readOnly: true }))
            await attempt(store.put(id))
            await attempt(store.use(id).then((rootfs) => rootfs.release()))
            await attempt(store.applyDiff(id, tar()))
            await attempt(store.diff(id).then(async (stream) => { for await (const _ of stream); }))
            const nowhere = await openFile('/dev/null', 'w')
            await attempt(store.diffTo(id, nowhere))
            await nowhere.close()
            await attempt(store.flatten(id, id + '-flat'))
            await attempt(store.remove(id + '-flat'))
            await attempt(store.changes(id))
            await attempt(store.diffSize(id))
            await attempt(store.mounts(id))
            await attempt(store.layout(id))
            await attempt(store.exists(id))
          }
          await attempt(store.list())
          await attempt(store.status())
          await attempt(store.info())
          for (const id of ['base', 'top', 'none', 'none']) await attempt(store.remove(id))
          await attempt(store.cleanup({ orphans: true }))
          await attempt(store.close())
          await attempt(store.list())
        }
        drivers()
        for (const to of ['aufs', 'overlay', 'overlay', 'zfs']) await attempt(convert(root, { to }))
        await attempt(convert('/none', { to: 'aufs' }))
        if (failures < 10) process.exit(9)`
      const { code, steps, errors } = await run(process.execPath, ['--input-type=module', '-e', script])
      assert.deepEqual([code, steps, errors], [0, [], ''])
    })
  }

  it('what a step prints would be seen', async () => {
    const { steps, errors } = await run(process.execPath, ['-e', 'console.log(1); console.error(2)'])
    assert.deepEqual([steps, errors], [['1'], '2\n'])
  })
})

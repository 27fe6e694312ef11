import assert from 'node:assert/strict'
import { open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as tick } from 'node:timers/promises'
import type { CallOptions } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { setStepHook } from '#lib/store/step.js'
import { mountPoints, names, snapshot, stack, useStore, within } from '../support.ts'

/** What an abort was for: any value, not only an Error. */
const reason = { why: 'the caller has changed his mind' }

/** Expects a rejection with the signal's own reason. */
async function aborted(promise: Promise<unknown>): Promise<void> {
  const outcome = await promise.then(
    () => 'no rejection',
    (error: unknown) => error,
  )
  assert.equal(outcome, reason)
}

/** Stops the first step of this name until `go` is called. */
function stopAt(name: string): { reached: Promise<void>; go: () => void } {
  let go!: () => void
  let arrive!: () => void
  const gone = new Promise<void>((resolve) => (go = resolve))
  const reached = new Promise<void>((resolve) => (arrive = resolve))
  setStepHook((step) => {
    if (step !== name) return undefined
    setStepHook(undefined)
    arrive()
    return gone
  })
  return { reached, go }
}

/** Aborts a call that stands still at a step: it rejects at once. Answers what lets it go on, behind the scenes. */
async function abortAt(step: string, call: (signal: AbortSignal) => Promise<unknown>): Promise<() => void> {
  const stop = stopAt(step)
  const controller = new AbortController()
  const running = call(controller.signal)
  await stop.reached
  controller.abort(reason)
  await aborted(running)
  return stop.go
}

export function abort(driver: string): void {
  describe('an abort', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    beforeEach(() => stack(store.graph, ['base', 'top'], fill))
    afterEach(() => {
      setStepHook(undefined)
    })

    /** Nothing is held or mounted, and the layer can be had. */
    async function usable(id: string): Promise<void> {
      await store.graph.get(id)
      await store.graph.put(id)
      assert.deepEqual(await mountPoints(store.root), [])
      const info = (await store.graph.list()).find((layer) => layer.id === id)!
      assert.deepEqual([info.held, info.inUse], [false, false])
      assert.deepEqual(await names(store.at('staging')), [])
      assert.deepEqual(await names(store.at('views')), [])
    }

    const verbs: Record<string, (options: CallOptions) => Promise<unknown>> = {
      create: (options) => store.graph.create('new', { parent: 'base', ...options }),
      remove: (options) => store.graph.remove('top', options),
      get: (options) => store.graph.get('top', options),
      'get of a view': (options) => store.graph.get('top', { readOnly: true, ...options }),
      put: (options) => store.graph.put('top', options),
      use: (options) => store.graph.use('top', options),
      mounts: (options) => store.graph.mounts('top', options),
      cleanup: (options) => store.graph.cleanup(options),
    }
    for (const [verb, call] of Object.entries(verbs)) {
      it(`before ${verb}: nothing is done`, async () => {
        const before = await snapshot(store.root)
        await aborted(call({ signal: AbortSignal.abort(reason) }))
        assert.deepEqual(await snapshot(store.root), before)
        await usable('top')
      })
    }

    for (const verb of ['remove', 'get', 'get of a view', 'put', 'use']) {
      it(`while ${verb} waits for another call: it rejects at once, and nothing is done`, async () => {
        const stop = stopAt('made diff')
        const blocking = store.graph.create('child', { parent: 'top' })
        await stop.reached
        const controller = new AbortController()
        const waiting = verbs[verb]!({ signal: controller.signal })
        await tick()
        controller.abort(reason)
        await aborted(waiting)
        stop.go()
        await blocking
        await usable('top')
      })
    }

    const unpacking = ['wrote intent', 'moved diff', 'ready to commit', 'committed']
    const making: [verb: string, steps: string[], call: (signal: AbortSignal) => Promise<unknown>][] = [
      [
        'create',
        ['wrote intent', 'recorded child', 'made diff', 'ready to commit', 'committed'],
        (signal) => store.graph.create('new', { parent: 'base', signal }),
      ],
      [
        'create of a tar',
        unpacking,
        (signal) => {
          const from = fromEntries([{ name: 'f', type: 'file' }])
          return store.graph.create('new', { parent: 'base', from, signal })
        },
      ],
      ['flatten', unpacking, (signal) => store.graph.flatten('top', 'new', { signal })],
    ]
    for (const [verb, steps, call] of making) {
      for (const step of steps) {
        it(`of ${verb} at "${step}": it rejects at once, and the layer is undone`, async () => {
          const before = await snapshot(store.root, { loose: true })
          const go = await abortAt(step, call)
          const next = store.graph.create('new')
          go()
          await next
          await store.graph.remove('new')
          assert.deepEqual(await snapshot(store.root, { loose: true }), before)
          await usable('top')
        })
      }
    }

    for (const step of ['unpacked', 'ready to put in place', 'put in place']) {
      it(`of applyDiff at "${step}": the layer is empty when it rejects, and full when it does not`, async () => {
        await store.graph.create('new', { parent: 'base' })
        const stop = stopAt(step)
        const controller = new AbortController()
        const tar = fromEntries([{ name: 'f', type: 'file' }])
        const applying = store.graph.applyDiff('new', tar, { signal: controller.signal })
        await stop.reached
        controller.abort(reason)
        stop.go()
        const rejected = await applying.then(
          () => false,
          (error: unknown) => error === reason,
        )
        await usable('new')
        const changes = await store.graph.changes('new')
        assert.deepEqual(
          changes.map(({ path }) => path),
          rejected ? [] : ['/f'],
        )
      })
    }

    const reading: Record<string, () => Promise<unknown>> = {
      changes: () => store.graph.changes('new'),
      'changes against it': () => store.graph.changes('top', { parent: 'new' }),
      diffSize: () => store.graph.diffSize('new'),
      diff: async () => {
        for await (const chunk of await store.graph.diff('new')) assert.ok(chunk)
      },
      diffTo: async () => {
        await using file = await open(`${store.root}.tar`, 'w')
        await store.graph.diffTo('new', file)
      },
    }
    for (const [verb, read] of Object.entries(reading)) {
      it(`of applyDiff while it unpacks: ${verb} at once afterwards waits until it has let go`, async () => {
        await store.graph.create('new', { parent: 'base' })
        const tar = fromEntries([{ name: 'f', type: 'file' }])
        const go = await abortAt('made room for a tar', (signal) =>
          store.graph.applyDiff('new', tar, { signal }),
        )
        const next = read()
        go()
        await next
        await rm(`${store.root}.tar`, { force: true })
        assert.deepEqual(await store.graph.changes('new'), [])
        await usable('new')
      })
    }

    for (const step of ['gone', 'deleted diff', 'deleted mnt', 'erased']) {
      it(`of remove at "${step}": it rejects at once, and the removal is completed`, async () => {
        const go = await abortAt(step, (signal) => store.graph.remove('top', { signal }))
        const next = store.graph.create('top')
        go()
        await next
        assert.deepEqual(await names(store.at('diff', 'top')), [])
        assert.deepEqual(await names(store.at('layers')), ['base', 'top'])
      })
    }

    // The kernel's calls cannot be stopped half-way, so the abort comes at one turn of the event loop after another.
    const turns = Array.from({ length: 40 }, (_, at) => at)

    /** Starts a call and aborts it after so many turns; answers whether it rejected. */
    async function abortAfter(turn: number, verb: string): Promise<boolean> {
      const controller = new AbortController()
      const running = verbs[verb]!({ signal: controller.signal })
      const outcome = running.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      for (let at = 0; at < turn; at++) await tick()
      controller.abort(reason)
      const settled = await outcome
      if ('error' in settled) assert.equal(settled.error, reason)
      return 'error' in settled
    }

    for (const verb of ['get', 'get of a view']) {
      it(`of ${verb}, at whatever moment, leaves no reference and no mount`, async () => {
        let rejected = 0
        for (const turn of turns) {
          if (await abortAfter(turn, verb)) rejected++
          else await store.graph.put('top')
          await usable('top')
        }
        assert.ok(rejected > 0)
      })
    }

    it('of put, at whatever moment, leaves the reference', async () => {
      let rejected = 0
      for (const turn of turns) {
        const path = await store.graph.get('top')
        if (await abortAfter(turn, 'put')) {
          rejected++
          assert.equal(await store.graph.get('top'), path)
          assert.deepEqual(await names(path), ['base', 'top'])
          await store.graph.put('top')
          assert.deepEqual(await names(path), ['base', 'top'])
          assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.held, true)
          await store.graph.put('top')
        }
        await usable('top')
      }
      assert.ok(rejected > 0)
    })

    it('of the put of a view leaves it where it was', async () => {
      for (const turn of turns) {
        const view = await store.graph.get('top', { readOnly: true })
        if (await abortAfter(turn, 'put')) {
          assert.equal(await store.graph.get('top', { readOnly: true }), view)
          assert.deepEqual(await names(view), ['base', 'top'])
          await store.graph.put('top')
          await store.graph.put('top')
        }
        await usable('top')
      }
    })

    it('that comes when the call is over has no effect', async () => {
      const controller = new AbortController()
      const { signal } = controller
      await store.graph.create('new', { signal })
      await store.graph.get('new', { signal })
      controller.abort(reason)
      await within(store.graph, 'new', (path) => fill(path, 'file'))
      await store.graph.put('new')
      assert.equal(await store.graph.exists('new'), true)
    })

    it('does not keep close from waiting for what goes on behind the scenes', async () => {
      const graph = await store.open()
      const go = await abortAt('made diff', (signal) => graph.create('new', { signal }))
      let closed = false
      const closing = graph.close().then(() => (closed = true))
      await tick()
      assert.equal(closed, false)
      go()
      await closing
      assert.equal(await store.graph.exists('new'), false)
    })
  })
}

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open } from 'graphdriver'
import { umount2Sync } from 'graphdriver/sys'
import { Locks } from '#lib/store/locks.js'
import { describeOn } from '../working-drivers.ts'
import { type DriverCall, runWorker, workerArguments } from './processes.ts'
import { assertUnlocked, codeOf, mountsBelow, scratchDirectory } from './support.ts'

describeOn('overlay', 'what a dead process held', () => {
  const scratch = scratchDirectory()
  let root: string
  let store: GraphDriver

  beforeEach(async () => {
    root = scratch.fresh()
    store = await open({ root, driver: 'overlay' })
    await store.create('base')
    writeFileSync(join(await store.get('base'), 'file'), 'of the base')
    await store.put('base')
    await store.create('top', { parent: 'base' })
  })
  afterEach(async () => {
    await store.cleanup()
    await store.close()
    assert.deepEqual(await mountsBelow(root), [])
    await assertUnlocked(root)
  })

  async function leave(...work: DriverCall[]): Promise<void> {
    const { code, errors } = await runWorker({ options: { root, driver: 'overlay' }, work })
    assert.equal(code, 0, errors)
  }

  it('is taken over, with all that was written', async () => {
    await leave(['get', 'top'])
    const path = await store.get('top')
    writeFileSync(join(path, 'new'), '')
    assert.deepEqual(await mountsBelow(root), [path])
    await store.put('top')
    assert.deepEqual(await mountsBelow(root), [])
    assert.deepEqual(readdirSync(join(root, 'diff/top')), ['new'])
  })
  it('is taken down by put, and by remove', async () => {
    await leave(['get', 'top'])
    await store.put('top')
    assert.deepEqual(await mountsBelow(root), [])
    await leave(['get', 'top'])
    await store.remove('top')
    assert.deepEqual(await mountsBelow(root), [])
  })
  it('is no reason to refuse the next get: a view keeps its union alive', async () => {
    await leave(['get', 'top', { readOnly: true }])
    await store.get('top')
    await store.put('top')
    await store.get('top')
    await store.put('top')
    assert.deepEqual(await mountsBelow(root), [])
    assert.deepEqual(readdirSync(join(root, 'views')), [])
  })
  it('is no reason to refuse remove, nor a child', async () => {
    await leave(['get', 'top', { readOnly: true }])
    await store.create('child', { parent: 'top' })
    await leave(['get', 'child', { readOnly: true }])
    await store.remove('child')
    await store.remove('top')
    assert.deepEqual(await mountsBelow(root), [])
  })
  it('is another matter while somebody uses it', async () => {
    await leave(['get', 'top', { readOnly: true }])
    const [view = ''] = readdirSync(join(root, 'views'))
    const user = spawn('sleep', ['1000'], { cwd: join(root, 'views', view), stdio: 'ignore' })
    try {
      await assert.rejects(store.put('top'), (error) => codeOf(error) === 'ERR_LAYER_BUSY')
      umount2Sync(join(root, 'mnt/top'))
      await assert.rejects(store.get('top'), (error) => codeOf(error) === 'ERR_LAYER_IN_USE')
      await assert.rejects(store.remove('top'), (error) => codeOf(error) === 'ERR_LAYER_IN_USE')
      assert.deepEqual((await store.cleanup()).busy, ['top'])
    } finally {
      const ended = new Promise((resolve) => user.once('close', resolve))
      user.kill('SIGKILL')
      await ended
    }
    await store.remove('top')
  })
  it('and in which a chroot still runs, is taken over: never a second union on one upper', async () => {
    await leave(['get', 'top'])
    const path = join(root, 'mnt/top')
    const device = statSync(path).dev
    // Nothing is in the layer to run, so the root is changed by who runs already.
    const program =
      'open(F, "/dev/null"); chroot($ARGV[0]) or die; chdir("/") or die; $| = 1; print "in\n"; sleep 600'
    const user = spawn('perl', ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(user.stdout, 'data')
      assert.equal(await store.get('top'), path)
      assert.equal(statSync(path).dev, device)
      await assert.rejects(store.put('top'), (error) => codeOf(error) === 'ERR_LAYER_BUSY')
      // Taken out of the tree it is still alive: no other mount of the layer is made.
      await store.put('top', { detach: true })
      for (const work of [() => store.get('top'), () => store.remove('top')]) {
        await assert.rejects(work(), (error) => codeOf(error) === 'ERR_LAYER_IN_USE')
      }
      assert.deepEqual(await mountsBelow(root), [])
    } finally {
      const ended = once(user, 'close')
      user.kill('SIGKILL')
      await ended
    }
    await store.get('top')
    await store.put('top')
  })
  it('a living one keeps a caller waiting, who may give up', async () => {
    const locks = await Locks.open(join(root, 'lock'))
    const leave = await locks.gates(['top'])
    const reason = new Error('enough')
    for (const work of [
      (signal: AbortSignal) => store.get('top', { signal }),
      (signal: AbortSignal) => store.put('top', { signal }),
      (signal: AbortSignal) => store.remove('top', { signal }),
      (signal: AbortSignal) => store.create('top', { signal }),
      (signal: AbortSignal) => store.create('child', { parent: 'top', signal }),
    ]) {
      const controller = new AbortController()
      const working = work(controller.signal)
      controller.abort(reason)
      await assert.rejects(working, (error) => error === reason)
    }
    // What was given up has left nothing behind, and what waits goes on.
    const waiting = store.get('top')
    leave()
    await waiting
    await store.put('top')
    await locks.close()
    assert.deepEqual(
      (await store.list()).map(({ id }) => id),
      ['base', 'top'],
    )
  })
  it('a living one keeps', async () => {
    const job = { options: { root, driver: 'overlay' }, work: [['get', 'top']] as DriverCall[] }
    const script = workerArguments(job)
    // It is stopped at its last step, with the reference taken.
    const child = spawn(process.execPath, script, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '', GRAPHDRIVER_TEST_STAY: '1' },
    })
    const closed = new Promise((resolve) => child.once('close', resolve))
    await new Promise<void>((resolve) => {
      let said = ''
      child.stdout.on('data', (text: Buffer) => {
        said += text.toString()
        if (said.includes('staying')) resolve()
      })
    })
    try {
      for (const verb of ['remove', 'put'] as const) {
        await assert.rejects(store[verb]('top'), (error) => codeOf(error) === 'ERR_LAYER_IN_USE', verb)
      }
      await assert.rejects(
        store.create('child', { parent: 'top' }),
        (error) => codeOf(error) === 'ERR_LAYER_IN_USE',
      )
      assert.deepEqual(await store.cleanup(), { unmounted: [], busy: [], removed: [] })
      assert.equal((await store.list()).find(({ id }) => id === 'top')?.inUse, true)
      const path = await store.get('top')
      await store.put('top')
      assert.deepEqual(await mountsBelow(root), [path], 'the other one still has it')
    } finally {
      child.kill('SIGKILL')
      await closed
    }
    await store.create('child', { parent: 'top' })
    assert.deepEqual(await mountsBelow(root), [])
  })
})

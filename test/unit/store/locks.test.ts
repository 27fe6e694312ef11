import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Locks } from '#lib/store/locks.js'
import { scratch, withCode } from './support.ts'

const HOLDER = join(import.meta.dirname, 'holder.mjs')

describe('locks', () => {
  const directory = scratch()
  const opened: Locks[] = []
  const children: ChildProcess[] = []
  const threads: Worker[] = []

  async function instance(): Promise<Locks> {
    const locks = await Locks.open(directory.at('lock'))
    opened.push(locks)
    return locks
  }

  /** A process that holds a lock. */
  async function holder(kind: string, name: string): Promise<ChildProcess> {
    const child = spawn(process.execPath, [HOLDER, directory.at('lock'), kind, name], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    children.push(child)
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    assert.equal(said.toString(), 'true\n')
    return child
  }

  async function killed(child: ChildProcess): Promise<void> {
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const thread of threads.splice(0)) await thread.terminate()
    for (const locks of opened.splice(0)) await locks.close()
  })

  it('live in a file of their own, that others may not read', async () => {
    await instance()
    assert.equal(statSync(directory.at('lock')).mode & 0o7777, 0o600)
  })
  it('refuse a link in place of their file', async () => {
    symlinkSync('elsewhere', directory.at('lock'))
    await assert.rejects(instance(), withCode('ELOOP'))
  })
  it('refuse a directory in place of their file', async () => {
    mkdirSync(directory.at('lock'))
    await assert.rejects(instance(), withCode('EISDIR'))
  })

  describe('of two instances in one process', () => {
    it('of many names, which the other one holds', async () => {
      const [one, other] = [await instance(), await instance()]
      const ids = Array.from({ length: 1500 }, (_, at) => `layer-${String(at)}`)
      const which = async (): Promise<string[]> => [...(await one.whichHeldElsewhere('use', ids))].sort()
      assert.deepEqual(await which(), [])
      const held = ['layer-0', 'layer-1499', 'layer-700', 'layer-701'].sort()
      for (const id of [...held, 'no layer of these']) other.hold('use', id)
      // Other kinds of locks, and one's own, are in the way of the question, and not of the answer.
      other.hold('write', 'layer-3')
      one.hold('use', 'layer-4')
      assert.deepEqual(await which(), held)
      for (const id of held) other.release('use', id)
      assert.deepEqual(await which(), [])
    })
    it('shared ones stand together, and keep exclusive ones out', async () => {
      const [one, two] = [await instance(), await instance()]
      assert.equal(one.hold('use', 'a'), true)
      assert.equal(two.hold('use', 'a'), true)
      assert.equal(one.claim('use', 'a'), false)
      two.release('use', 'a')
      assert.equal(one.claim('use', 'a'), true)
      assert.equal(two.hold('use', 'a'), false)
      one.unclaim('use', 'a')
      assert.equal(two.hold('use', 'a'), true)
    })
    it('an exclusive one keeps others out, of this layer and kind only', async () => {
      const [one, two] = [await instance(), await instance()]
      assert.equal(one.claim('use', 'a'), true)
      assert.equal(two.claim('use', 'a'), false)
      assert.equal(two.hold('use', 'a'), false)
      assert.equal(two.claim('use', 'b'), true)
      assert.equal(two.hold('write', 'a'), true)
      one.unclaim('use', 'a')
      assert.equal(two.claim('use', 'a'), true)
    })
    it('are told of one another', async () => {
      const [one, two] = [await instance(), await instance()]
      one.hold('write', 'a')
      assert.equal(two.heldElsewhere('write', 'a'), true)
      assert.equal(two.heldHere('write', 'a'), false)
      assert.equal(one.heldElsewhere('write', 'a'), false)
      assert.equal(one.heldHere('write', 'a'), true)
      assert.equal(two.heldElsewhere('use', 'a'), false)
      one.release('write', 'a')
      assert.equal(two.heldElsewhere('write', 'a'), false)
    })
    it('a claim that fails leaves the shared hold', async () => {
      const [one, two] = [await instance(), await instance()]
      one.hold('use', 'a')
      two.hold('use', 'a')
      assert.equal(one.claim('use', 'a'), false)
      two.release('use', 'a')
      assert.equal(two.claim('use', 'a'), false)
    })
    it('holds are counted; a claim needs the last one', async () => {
      const [one, two] = [await instance(), await instance()]
      one.hold('use', 'a')
      one.hold('use', 'a')
      assert.equal(one.claim('use', 'a'), false)
      one.release('use', 'a')
      assert.equal(two.claim('use', 'a'), false)
      assert.equal(one.claim('use', 'a'), true)
      one.unclaim('use', 'a')
      one.release('use', 'a')
      assert.equal(two.claim('use', 'a'), true)
    })
    it('go with the instance', async () => {
      const one = await Locks.open(directory.at('lock'))
      const two = await instance()
      one.hold('use', 'a')
      one.claim('write', 'a')
      await one.gates(['a'])
      await one.root()
      await one.close()
      assert.equal(two.claim('use', 'a'), true)
      assert.equal(two.claim('write', 'a'), true)
      const leave = await two.gates(['a'])
      leave()
      const leaveRoot = await two.root()
      leaveRoot()
    })
    it('outlive another descriptor of the file that is closed', async () => {
      const [one, two] = [await instance(), await instance()]
      one.hold('use', 'a')
      const third = await Locks.open(directory.at('lock'))
      await third.close()
      assert.equal(two.claim('use', 'a'), false)
    })
  })

  describe('gates', () => {
    it('are had by one instance at a time', async () => {
      const [one, two] = [await instance(), await instance()]
      const leave = await one.gates(['a'])
      assert.equal(await two.tryGate('a'), undefined)
      const other = await two.tryGate('b')
      assert.ok(other)
      leave()
      const again = await two.tryGate('a')
      assert.ok(again)
    })
    it('are had by one caller at a time in one instance', async () => {
      const one = await instance()
      const order: string[] = []
      const leave = await one.gates(['a'])
      const waiting = one.gates(['a']).then((done) => {
        order.push('second')
        done()
      })
      await sleep(5)
      order.push('first')
      leave()
      await waiting
      assert.deepEqual(order, ['first', 'second'])
    })
    it('of two layers are taken all or none', async () => {
      const [one, two] = [await instance(), await instance()]
      const leaveB = await one.gates(['b'])
      const waiting = two.gates(['a', 'b'])
      await sleep(20)
      const leaveA = await one.tryGate('a')
      // Between two tries nothing is held; in the middle of one, both are asked at once.
      assert.ok(leaveA)
      leaveA()
      leaveB()
      const leave = await waiting
      assert.equal(await one.tryGate('a'), undefined)
      assert.equal(await one.tryGate('b'), undefined)
      leave()
    })
    it('never deadlock, in whatever order they are named', async () => {
      const instances = [await instance(), await instance(), await instance()]
      let inside = 0
      const work = async (locks: Locks, names: string[]): Promise<void> => {
        const leave = await locks.gates(names)
        assert.equal(++inside, 1)
        await sleep(1)
        inside--
        leave()
      }
      const orders = [
        ['a', 'b', 'c'],
        ['c', 'b', 'a'],
        ['b', 'a', 'c', 'a'],
      ]
      await Promise.all(instances.flatMap((locks, at) => [0, 1, 2, 3].map(() => work(locks, orders[at]!))))
    })
    it('named twice are one', async () => {
      const one = await instance()
      const leave = await one.gates(['a', 'a'])
      leave()
    })
    for (const where of ['another instance', 'this instance']) {
      it(`that ${where} has can be given up at once, without a trace`, async () => {
        const one = await instance()
        const two = where === 'this instance' ? one : await instance()
        const leave = await one.gates(['b'])
        const controller = new AbortController()
        const reason = new Error('enough')
        const waiting = two.gates(['a', 'b', 'c'], controller.signal)
        await sleep(5)
        controller.abort(reason)
        await assert.rejects(waiting, (error) => error === reason)
        leave()
        for (const name of ['a', 'b', 'c']) {
          const free = await one.tryGate(name)
          assert.ok(free, name)
          free()
        }
        const all = await two.gates(['a', 'b', 'c'])
        all()
      })
    }
    it('an aborted signal is refused before anything is taken', async () => {
      const one = await instance()
      await assert.rejects(one.gates(['a'], AbortSignal.abort(new Error('before'))), /before/)
      const two = await instance()
      assert.ok(await two.tryGate('a'))
    })
    it('the store as a whole is one more', async () => {
      const [one, two] = [await instance(), await instance()]
      const leave = await one.root()
      const controller = new AbortController()
      const waiting = two.root(controller.signal)
      controller.abort(new Error('enough'))
      await assert.rejects(waiting, /enough/)
      const gate = await two.tryGate('a')
      assert.ok(gate)
      leave()
      const root = await two.root()
      root()
    })
  })

  describe('of another process', () => {
    it('hold, and are gone with it however it ends', async () => {
      const child = await holder('use', 'a')
      const locks = await instance()
      assert.equal(locks.heldElsewhere('use', 'a'), true)
      assert.equal(locks.claim('use', 'a'), false)
      await killed(child)
      assert.equal(locks.heldElsewhere('use', 'a'), false)
      assert.equal(locks.claim('use', 'a'), true)
    })
    it('let a waiter in when the holder of a gate is killed', async () => {
      const child = await holder('gate', 'a')
      const locks = await instance()
      assert.equal(await locks.tryGate('a'), undefined)
      const waiting = locks.gates(['a'])
      await killed(child)
      const leave = await waiting
      leave()
    })
    it('let a waiter give up', async () => {
      const child = await holder('gate', 'a')
      const locks = await instance()
      const controller = new AbortController()
      const waiting = locks.gates(['a'], controller.signal)
      controller.abort(new Error('enough'))
      await assert.rejects(waiting, /enough/)
      await killed(child)
    })
  })

  describe('of a worker thread', () => {
    async function worker(kind: string, name: string): Promise<Worker> {
      const thread = new Worker(HOLDER, { workerData: [directory.at('lock'), kind, name], execArgv: [] })
      threads.push(thread)
      const [got] = (await once(thread, 'message')) as [boolean]
      assert.equal(got, true)
      return thread
    }
    for (const kind of ['use', 'write', 'gate']) {
      it(`(${kind}) are gone when it is ended in the middle`, async () => {
        const thread = await worker(kind, 'a')
        const locks = await instance()
        if (kind === 'gate') assert.equal(await locks.tryGate('a'), undefined)
        else assert.equal(locks.claim(kind as 'use' | 'write', 'a'), false)
        await thread.terminate()
        if (kind === 'gate') assert.ok(await locks.tryGate('a'))
        else assert.equal(locks.claim(kind as 'use' | 'write', 'a'), true)
      })
    }
  })
})

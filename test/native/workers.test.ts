import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'

import { itMounts, mountsBelow, native, openFds, ownThreads, scratch, startWorker, until } from './support.ts'

/** Starts `count` workers at once, and ends each as soon as it says that its calls are under way. */
async function startAndEnd(count: number, script: string, data: (index: number) => unknown): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { worker } = await startWorker(script, data(index))
      await worker.terminate()
    }),
  )
}

async function settled(): Promise<void> {
  await until('the threads end', () => ownThreads() === 0)
}

describe('native: workers', () => {
  const { make, path } = scratch()

  before(async () => {
    // What loading the first worker opens for good is not counted.
    await startAndEnd(1, `parentPort.postMessage(1)`, () => null)
  })

  it('every worker has its own copy, and they run side by side', async () => {
    const script = `Promise.all(Array.from({ length: 100 }, () => native.umount2('/no/such', 0)))
      .then((all) => parentPort.postMessage(all.every((each) => each === -2)))`
    const all = await Promise.all(Array.from({ length: 4 }, () => startWorker(script)))
    assert.deepEqual(
      all.map(({ message }) => message),
      [true, true, true, true],
    )
    await Promise.all(all.map(({ worker }) => worker.terminate()))
  })

  it('a worker ends by itself when its calls are done', async () => {
    const { worker, message } = await startWorker(
      `native.statfs('/').then(() => parentPort.postMessage('done'))`,
    )
    assert.equal(message, 'done')
    await new Promise((resolve) => {
      worker.once('exit', resolve)
    })
  })

  it('is ended with hundreds of calls under way, again and again', async () => {
    const script = `
      for (let i = 0; i < 300; i++) {
        native.mountinfo(null); native.umount2('/no/such', 0); native.readFile(-100, '/proc/self/status', 1e6)
      }
      parentPort.postMessage(1)`
    for (let turn = 0; turn < 5; turn++) await startAndEnd(4, script, () => null)
    await settled()
    assert.equal(await native.umount2('/no/such', 0), -native.errnos['ENOENT']!)
  })

  it('is ended while its answers arrive', async () => {
    const script = `
      const again = () => native.close(-1).then(again)
      for (let i = 0; i < 50; i++) again()
      native.close(-1).then(() => parentPort.postMessage(1))`
    for (let turn = 0; turn < 5; turn++) await startAndEnd(4, script, () => null)
    await settled()
  })

  it('gives back descriptors that nobody took', async () => {
    const before = openFds()
    const script = `
      for (let i = 0; i < 300; i++) native.openat2(-100, '/', 0, 0, 0)
      parentPort.postMessage(1)
      // Nothing is taken: this thread never gets back to its loop.
      while (true) {}`
    for (let turn = 0; turn < 3; turn++) await startAndEnd(4, script, () => null)
    await until('the descriptors are closed', () => openFds() <= before)
  })

  it('is ended in the middle of long work on trees', async () => {
    const tree = make('tree')
    for (let index = 0; index < 100; index++) {
      mkdirSync(`${tree}/${index}`)
      writeFileSync(`${tree}/${index}/file`, 'x')
    }
    const script = `
      for (const to of workerData) native.copyTree(${JSON.stringify(tree)}, to, 0).then(() => native.removeTree(-100, to))
      parentPort.postMessage(1)`
    const before = openFds()
    await startAndEnd(4, script, (index) =>
      Array.from({ length: 8 }, (_, copy) => make(`copy${index}-${copy}`)),
    )
    await settled()
    await until('nothing stays open', () => openFds() <= before)
  })

  it('a worker that exits by itself with calls under way is no different', async () => {
    const script = `
      for (let i = 0; i < 200; i++) { native.mountinfo(null); native.openat2(-100, '/', 0, 0, 0) }
      parentPort.postMessage(1)
      process.exit(0)`
    const before = openFds()
    for (let turn = 0; turn < 5; turn++) {
      const { worker } = await startWorker(script)
      await worker.terminate()
    }
    await until('the descriptors are closed', () => openFds() <= before)
  })

  it('outlives the first environment that loaded it', async () => {
    const { worker } = await startWorker(`native.statfs('/'); parentPort.postMessage(1)`)
    await worker.terminate()
    const { worker: other, message } = await startWorker(
      `native.statfs('/').then((row) => parentPort.postMessage(row.length))`,
    )
    assert.equal(message, 11)
    await other.terminate()
  })

  itMounts('unmounts what nobody took', async () => {
    const targets = (index: number): string[] =>
      Array.from({ length: 100 }, (_, each) => make(`m/${index}-${each}`))
    const script = `
      for (const target of workerData) native.mount('none', target, 'tmpfs', 0, 'size=64k')
      parentPort.postMessage(1)
      while (true) {}`
    for (let turn = 0; turn < 3; turn++) await startAndEnd(3, script, targets)
    await settled()
    await until('nothing stays mounted', () => mountsBelow(path) === 0)
  })

  itMounts('unmounts what was mounted from a directory, or moved', async () => {
    const script = `
      for (const name of workerData.names) native.mountAt(workerData.path, 'none', name, 'tmpfs', 0, null)
      for (const name of workerData.moved) {
        const fd = native.newMountSync('tmpfs', new Int32Array(), new Uint8Array(), 0, 0)
        native.moveMount(fd, '', -100, workerData.path + '/' + name, 4)
        native.close(fd)
      }
      parentPort.postMessage(1)
      while (true) {}`
    const before = openFds()
    const name = (index: number): string[] => Array.from({ length: 30 }, (_, each) => `at-${index}-${each}`)
    for (const each of [...name(0), ...name(1), ...name(2)]) {
      make(each)
      make(`to-${each}`)
    }
    for (let turn = 0; turn < 3; turn++) {
      await startAndEnd(3, script, (index) => ({
        path,
        names: name(index),
        moved: name(index).map((each) => `to-${each}`),
      }))
    }
    await settled()
    await until('nothing stays mounted', () => mountsBelow(path) === 0)
    await until('nothing stays open', () => openFds() <= before)
  })

  itMounts('closes detached mounts that nobody took', async () => {
    const before = openFds()
    const script = `
      const words = Buffer.from('size\\x0064k\\x00')
      for (let i = 0; i < 100; i++) native.newMount('tmpfs', new Int32Array([1, 0]), words, 0, 0)
      for (let i = 0; i < 100; i++) native.openTree(-100, '/', 1)
      parentPort.postMessage(1)
      while (true) {}`
    for (let turn = 0; turn < 3; turn++) await startAndEnd(3, script, () => null)
    await until('the descriptors are closed', () => openFds() <= before)
    await settled()
  })
})

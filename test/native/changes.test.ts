import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'

import type { FlatTable, NativeHandle, TreeFailure } from '#lib/sys/native.js'

import { call, native, openFds, scratch, startWorker, until } from './support.ts'

const { EINVAL, ECANCELED, ENOENT } = native.errnos
const none = new Uint8Array()
const words = (...paths: string[]): Uint8Array => Buffer.from(paths.map((path) => `${path}\0`).join(''))

function views(now: Uint8Array, before: Uint8Array, form = 0, judge = 1): NativeHandle<'views'> {
  const handle = native.viewsOfSync(now, before, form, judge)
  assert.ok(typeof handle === "object", JSON.stringify(handle))
  return handle
}

function rows(answer: FlatTable | TreeFailure): string[] {
  assert.ok('rows' in answer, JSON.stringify(answer))
  const found: string[] = []
  for (let at = 0; at < answer.rows.length; at += 3) {
    found.push(`${answer.rows[at]!} ${answer.text.slice(answer.rows[at + 1], answer.rows[at + 2])}`)
  }
  return found
}

describe('native: views', () => {
  const { at, make } = scratch()

  it('refuses a stack without a layer, words without their NUL, unknown forms and judges', () => {
    const layer = words(at())
    for (const [now, before, form, judge] of [
      [none, none, 0, 0],
      [Buffer.from('/tmp'), none, 0, 0],
      [layer, Buffer.from('/tmp'), 0, 0],
      [layer, none, 4, 0],
      [layer, none, 0, 2],
    ] as const) {
      assert.equal(native.viewsOfSync(now, before, form, judge), -EINVAL!)
    }
    assert.equal(native.packDifferenceSync(layer, none, 4, 0), -EINVAL!)
    assert.equal(native.packDifferenceSync(layer, none, 0, 2), -EINVAL!)
    assert.equal(native.packDifferenceSync(none, none, 0, 0), -EINVAL!)
  })

  it('takes no other object for a handle', () => {
    const job = native.packDifferenceSync(words(at()), none, 0, 0)
    const table = views(words(at()), none)
    for (const value of [job, {}, null, 1, native]) {
      for (const name of ['viewChangesSync', 'viewChangedSizeSync', 'viewLayerSizeSync', 'viewsCancelSync']) {
        assert.throws(() => call(name)(value), TypeError)
      }
    }
    assert.throws(() => call('packNextSync')(table), TypeError)
  })

  it('answers rows of a kind and a path, sync and as a promise, again and again', async () => {
    make('old/d')
    make('new/d')
    for (const name of ['old/gone', 'old/same', 'new/same', 'new/d/added']) writeFileSync(at(name), '')
    for (const root of ['old', 'new']) native.utimensatSync(-100, at(root, 'same'), 5n, 5n, 0)
    writeFileSync(at('old/d/kind'), '1')
    writeFileSync(at('new/d/kind'), '22')
    const handle = views(words(at('new')), words(at('old')))
    const wanted = ['2 /gone', '0 /d', '1 /d/added', '0 /d/kind']
    const fds = openFds()
    assert.deepEqual(rows(native.viewChangesSync(handle)), wanted)
    assert.deepEqual(rows(await native.viewChanges(handle)), wanted)
    assert.equal(native.viewChangedSizeSync(handle), 2)
    assert.equal(await native.viewLayerSize(handle), 2)
    assert.equal(openFds(), fds)
  })

  it('a failure names the call and the whole path', () => {
    const failure = native.viewChangesSync(views(words(at('none')), none)) as TreeFailure
    assert.deepEqual([failure.errno, failure.syscall], [-ENOENT!, 'statx'])
    assert.equal(Buffer.from(failure.path).toString(), at('none'))
    const size = native.viewLayerSizeSync(views(words(at('none')), none)) as TreeFailure
    assert.deepEqual([size.errno, Buffer.from(size.path).toString()], [-ENOENT!, at('none')])
  })

  it('once cancelled it answers ECANCELED', async () => {
    const handle = views(words(make('cancelled')), none)
    assert.equal(native.viewsCancelSync(handle), 0)
    for (const answer of [native.viewChangesSync(handle), await native.viewChangedSize(handle), native.viewLayerSizeSync(handle)]) {
      assert.equal((answer as TreeFailure).errno, -ECANCELED!)
    }
  })

  it('ends with the worker that wanted it', async () => {
    const many = Array.from({ length: 300 }, (_, index) => {
      mkdirSync(at('many', String(index), 'a/b/c'), { recursive: true })
      return at('many', String(index))
    })
    const fds = openFds()
    const script = `const words = Buffer.from(workerData.map((path) => path + '\\0').join(''))
      for (let turn = 0; turn < 20; turn++) {
        native.viewChanges(native.viewsOfSync(words, new Uint8Array(), 2, 1))
      }
      parentPort.postMessage('begun')`
    const { worker } = await startWorker(script, many)
    await worker.terminate()
    await until('its descriptors are closed', () => openFds() <= fds)
  })
})

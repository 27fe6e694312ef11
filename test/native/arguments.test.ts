import assert from 'node:assert/strict'
import { closeSync, constants, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { types } from 'node:util'

import { borrowing, formsOf, type Kind, signatures } from './signatures.ts'
import { call, calls, native } from './support.ts'

/** Answer something that can be had once. */
const unlike = new Set(['packNext', 'packInto', 'unpackEnd'])

const nowhere = Buffer.from('/no/such/thing\0')
const handles = {
  pack: native.packDifferenceSync(nowhere, nowhere, 0, 0),
  views: native.viewsOfSync(nowhere, nowhere, 0, 1),
  flatten: native.flattenSync(nowhere, 'no/such/thing/here', 0, 0),
  unpack: startedUnpacking(),
}

/** Nothing is ever given to it, so it makes nothing. */
function startedUnpacking(): ReturnType<typeof native.unpackStartSync> {
  const fd = openSync(tmpdir(), constants.O_RDONLY | constants.O_DIRECTORY)
  const limits = new BigUint64Array(9).fill(1n << 40n)
  const job = native.unpackStartSync(fd, 0, new Uint8Array(limits.buffer), 0n, true, new Uint8Array())
  closeSync(fd)
  return job
}

before(() => {
  for (const handle of Object.values(handles)) assert.equal(types.isExternal(handle), true)
  native.packCancelSync(handles.pack as never)
  native.viewsCancelSync(handles.views as never)
  native.flattenCancelSync(handles.flatten as never)
  native.unpackCancelSync(handles.unpack as never)
})

/** A relative path below a descriptor that is not open: no call gets further than EBADF or ENOENT. */
const harmless: Record<Kind, unknown> = {
  path: 'no/such/thing/here',
  'path?': 'no/such/thing/here',
  int32: -1,
  uint32: 0,
  safe: 0,
  bigint: 0n,
  'time?': 0n,
  boolean: true,
  bytes: new Uint8Array(),
  numbers: new Int32Array(),
  'pack job': handles.pack,
  views: handles.views,
  'flatten job': handles.flatten,
  'unpack job': handles.unpack,
}

const { proxy, revoke } = Proxy.revocable({}, {})
revoke()
const wrong: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['true', true],
  ['a symbol', Symbol('x')],
  ['a function', () => 1],
  ['an object', { valueOf: () => 1, toString: () => 'x' }],
  ['an array', [1]],
  ['NaN', NaN],
  ['Infinity', -Infinity],
  ['a fraction', 0.5],
  ['2 ** 53', 2 ** 53],
  ['2 ** 32', 2 ** 32],
  ['-(2 ** 31) - 1', -(2 ** 31) - 1],
  ['-1', -1],
  ['0', 0],
  ['a string', 'no/such/thing/here'],
  ['a string with NUL', 'a\0b'],
  ['an empty string', ''],
  ['a Buffer', Buffer.from('no/such')],
  ['a Buffer with NUL', Buffer.from('a\0b')],
  ['0n', 0n],
  ['-1n', -1n],
  ['2n ** 64n', 2n ** 64n],
  ['2n ** 63n', 2n ** 63n],
  ['an Int32Array', new Int32Array(4)],
  ['a Float64Array', new Float64Array(2)],
  ['a DataView', new DataView(new ArrayBuffer(8))],
  ['an ArrayBuffer', new ArrayBuffer(8)],
  ['a revoked proxy', proxy],
  ['a boxed string', Object('x')],
  ['a boxed number', Object(1)],
  ['a pack job', handles.pack],
  ['views', handles.views],
  ['a flatten job', handles.flatten],
  ['an unpack job', handles.unpack],
]

function isNumber(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}

function isPath(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\0')
  return types.isUint8Array(value) && !value.includes(0)
}

const accepts: Record<Kind, (value: unknown) => boolean> = {
  path: isPath,
  'path?': (value) => value === null || value === undefined || isPath(value),
  int32: (value) => isNumber(value, -(2 ** 31), 2 ** 31 - 1),
  uint32: (value) => isNumber(value, 0, 2 ** 32 - 1),
  safe: (value) => isNumber(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  bigint: (value) => typeof value === 'bigint' && value >= 0n && value < 2n ** 64n,
  'time?': (value) =>
    value === null ||
    value === undefined ||
    (typeof value === 'bigint' && BigInt.asIntN(64, value) === value),
  boolean: (value) => typeof value === 'boolean',
  bytes: types.isUint8Array,
  numbers: types.isInt32Array,
  'pack job': (value) => value === handles.pack,
  views: (value) => value === handles.views,
  'flatten job': (value) => value === handles.flatten,
  'unpack job': (value) => value === handles.unpack,
}

describe('native: arguments', () => {
  it('every function of the addon is in this table, in each of its forms', () => {
    const names = Object.keys(calls).filter((name) => typeof calls[name] === 'function')
    const expected = Object.keys(signatures).flatMap(formsOf)
    assert.deepEqual(names.sort(), expected.sort())
  })

  for (const [name, kinds] of Object.entries(signatures)) {
    it(`${name}: what is of the wrong type, or out of range, is a TypeError at every position`, () => {
      kinds.forEach((kind, position) => {
        for (const [label, value] of wrong) {
          if (accepts[kind](value)) continue
          const args = kinds.map((each, at) => (at === position ? value : harmless[each]))
          for (const form of formsOf(name)) {
            assert.throws(
              () => call(form)(...args),
              (error: unknown) =>
                error instanceof TypeError &&
                (error as NodeJS.ErrnoException).code === 'ERR_INVALID_ARG_TYPE' &&
                error.message === `argument ${position}`,
              `${form}: ${label} as ${kind} at ${position}`,
            )
          }
        }
      })
    })

    it(`${name}: missing arguments are a TypeError, and more than enough are no harm`, async () => {
      const required = kinds.findIndex((kind) => !kind.endsWith('?'))
      if (required >= 0) {
        for (const form of formsOf(name)) assert.throws(() => call(form)(), TypeError, form)
      }
      const args = [...kinds.map((kind) => harmless[kind]), 1, 'more', {}]
      const sync = call(`${name}Sync`)(...args)
      if (borrowing.has(name)) return
      const promised = call(name)(...args)
      assert.ok(promised instanceof Promise)
      const answer: unknown = await promised
      if (unlike.has(name)) assert.equal(typeof answer, typeof sync)
      else assert.deepEqual(answer, sync)
    })
  }

  it('takes strings of any length: short, at the edge of the buffer, and far beyond', () => {
    const { ENOENT, ENAMETOOLONG } = native.errnos
    for (const length of [1, 255, 4095, 4096, 6140, 6141, 6142, 6143, 6144, 6145, 20_000, 3_000_000]) {
      for (const character of ['x', '€']) {
        const path = `/${character.repeat(length)}`
        const expected = Buffer.byteLength(path) > 256 ? ENAMETOOLONG : ENOENT
        assert.equal(native.umount2Sync(path, 0), -expected!, `${length} of ${character}`)
        assert.equal(
          native.umount2Sync(Buffer.from(path), 0),
          -expected!,
          `${length} of ${character}, as bytes`,
        )
      }
    }
    assert.equal(native.umount2Sync('', 0), -ENOENT!)
  })

  it('copies the arguments before the call returns', async () => {
    const path = Buffer.from('/proc/self')
    const promised = native.statx(-100, path, 0, 0x7ff)
    path.fill('x')
    assert.ok((await promised) instanceof BigInt64Array)
  })

  it('takes detached and shared memory for what it is', () => {
    const gone = new Uint8Array([47])
    structuredClone(gone, { transfer: [gone.buffer] })
    assert.equal(native.umount2Sync(gone, 0), -native.errnos['ENOENT']!)
    const shared = new Uint8Array(new SharedArrayBuffer(5))
    shared.set(Buffer.from('/none'))
    assert.equal(native.statfsSync(shared), -native.errnos['ENOENT']!)
  })

  it('the errnos are the kernel’s, whole and frozen', () => {
    assert.ok(Object.isFrozen(native.errnos))
    const expected = {
      EPERM: 1,
      ENOTBLK: 15,
      EREMOTE: 66,
      ESTALE: 116,
      EUCLEAN: 117,
      EDQUOT: 122,
      ENOMEDIUM: 123,
    }
    for (const [name, value] of Object.entries({ ...expected, EHWPOISON: 133 })) {
      assert.equal(native.errnos[name], value, name)
    }
    const numbers = new Set(Object.values(native.errnos))
    for (let number = 1; number <= 133; number++) {
      // 41 and 58 were EWOULDBLOCK's and EDEADLOCK's own once, and are free.
      assert.equal(numbers.has(number), number !== 41 && number !== 58, `${number}`)
    }
    assert.ok(native.pageSize >= 4096 && Number.isInteger(Math.log2(native.pageSize)))
  })
})

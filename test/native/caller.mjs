// Calls the addon with random values, in a process of its own, so that a crash is seen as one: `caller.mjs <job as JSON>`. It runs as
// a user who may do nothing, in a directory where nothing can be made, and no path leads out of there.
import { constants, openSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import { setImmediate as yieldToLoop } from 'node:timers/promises'
import { types } from 'node:util'
import fc from 'fast-check'

const { addon, directory, signatures, borrowing, seed, rounds } = JSON.parse(process.argv[2])
const native = createRequire(import.meta.url)(addon)
process.chdir(directory)
const here = openSync('.', constants.O_RDONLY | constants.O_DIRECTORY)
const file = openSync('file', constants.O_RDONLY)
if (process.getuid() === 0) {
  process.setgroups([])
  process.setgid(65534)
  process.setuid(65534)
}

/** Neither `/` nor `.`, so that no path leads out. */
const tame = (text) => text.replaceAll(/[./]/g, '_')
const tameBytes = (bytes) => bytes.map((byte) => (byte === 0x2e || byte === 0x2f ? 0x5f : byte))

/** Descriptors of Node's own are left out: to close one of those ends any program. */
const descriptors = fc.constantFrom(here, here, here, file, -100, -1, -2, 1_000_000, 2 ** 31 - 1, -(2 ** 31))
const bytes = fc
  .uint8Array({ maxLength: 600 })
  .map((array) => tameBytes(array))
  .chain((array) => fc.constantFrom(array, Buffer.from(array), array.subarray(array.length >> 1)))
const text = fc
  .oneof(
    fc.constantFrom('file', 'none', '', 'tmpfs', 'user.x', 'x'.repeat(256), 'y'.repeat(70_000)),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.string({ unit: 'grapheme', maxLength: 5000 }),
  )
  .map(tame)

/** Of the right type, and anything else about them. */
const right = {
  path: fc.oneof(text, bytes),
  'path?': fc.oneof(text, bytes, fc.constantFrom(null, undefined)),
  int32: descriptors,
  uint32: fc.oneof(fc.nat(3), fc.nat(3), fc.nat(64), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  safe: fc.oneof(fc.nat(4096), fc.maxSafeInteger()),
  bigint: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  'time?': fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  boolean: fc.boolean(),
  bytes: fc.oneof(
    bytes,
    // The limits of tars: nine numbers of 64 bits.
    fc.bigUint64Array({ minLength: 9, maxLength: 9 }).map((limits) => new Uint8Array(limits.buffer)),
    fc.constantFrom('none\0', 'file\0', 'none\0file\0', 'key\0value\0').map((words) => Buffer.from(words)),
  ),
  numbers: fc.int32Array({ maxLength: 40 }),
}

function detached(Type = Uint8Array) {
  const view = new Type(8)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}

function shrunk() {
  const buffer = new ArrayBuffer(64, { maxByteLength: 64 })
  const view = new Uint8Array(buffer, 32, 16)
  buffer.resize(8)
  return view
}

const hostile = [
  () => detached(),
  () => shrunk(),
  () => detached(Int32Array),
  () => new Uint8Array(new SharedArrayBuffer(16)),
  () => new Uint8Array(new ArrayBuffer(64, { maxByteLength: 1 << 20 })),
  () => new Proxy({}, { get: () => { throw new Error('trap') } }),
  () => new Proxy(new Uint8Array(4), {}),
  () => ({ length: 2 ** 40, byteLength: -1 }),
  () => Object.create(null),
  () => Object.setPrototypeOf(new Uint8Array(4), null),
  () => new (class extends Uint8Array {
    get length() { throw new Error('length') }
  })(4),
  () => '\ud800'.repeat(10),
  () => globalThis,
  () => native,
  () => Promise.resolve(1),
]
const anything = fc.oneof(
  fc.anything({ withBigInt: true, withTypedArray: true, withSparseArray: true, withObjectString: true, withNullPrototype: true }),
  fc.nat(hostile.length - 1).map((index) => hostile[index]()),
)

/** Bytes that do what bytes do: their length can be asked for. */
function ordinary(value) {
  if (!types.isUint8Array(value)) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Uint8Array.prototype && prototype !== Buffer.prototype) return false
  return value.length > 0 && value.buffer.byteLength >= value.byteOffset + value.length
}

/** A value that would get out of the directory, or at one of Node's descriptors: a string or number by chance. */
function tamed(value) {
  if (typeof value === 'string') return tame(value)
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 1_000_000) return -value
  if (ordinary(value)) value.forEach((byte, at) => (value[at] = byte === 0x2e || byte === 0x2f ? 0x5f : byte))
  return value
}

/** What gives the others something to work on, and its kind. */
const MAKERS = { packTree: 'pack job', packDifference: 'pack job', viewsOf: 'views', flatten: 'flatten job', unpackStart: 'unpack job' }
const handles = { 'pack job': [], views: [], 'flatten job': [], 'unpack job': [] }
const argument = (kind) => {
  const some = right[kind] ?? fc.nat().map((index) => handles[kind][index % (handles[kind].length || 1)])
  return fc.oneof({ weight: 9, arbitrary: some }, { weight: 1, arbitrary: anything.map(tamed) })
}
const entries = Object.entries(signatures)
const often = entries.filter(([name]) => name in MAKERS)
const call = fc.constantFrom(...entries, ...often, ...often, ...often).chain(([name, kinds]) =>
  fc.record({
    name: borrowing.includes(name) ? fc.constant(`${name}Sync`) : fc.constantFrom(name, `${name}Sync`),
    args: fc.tuple(...kinds.map(argument)),
    // Now and then too few.
    given: fc.oneof({ weight: 9, arbitrary: fc.constant(kinds.length) }, { weight: 1, arbitrary: fc.nat(kinds.length) }),
  }),
)

const tally = { answered: 0, refused: 0, handles: 0 }
let waiting = []

function keep(name, answer) {
  if (!types.isExternal(answer)) return
  tally.handles++
  // Some are dropped while they are at work, for the collector.
  handles[MAKERS[name.replace('Sync', '')]][tally.handles % 8] = answer
}

function make({ name, args, given }) {
  let answer
  try {
    answer = native[name](...args.slice(0, given))
  } catch (error) {
    if (!(error instanceof TypeError) || error.code !== 'ERR_INVALID_ARG_TYPE') throw error
    tally.refused++
    return
  }
  tally.answered++
  if (types.isPromise(answer)) waiting.push(answer.then((value) => keep(name, value)))
  else keep(name, answer)
  // What was given is the caller's again at once.
  for (const each of args) if (ordinary(each) && !Buffer.isBuffer(each)) each.fill(0x58)
}

// What everybody can have from the start.
const LIMITS = new Uint8Array(new BigUint64Array(9).fill(1n << 20n).buffer)
for (let turn = 0; turn < 8; turn++) {
  make({ name: 'packTreeSync', args: [here, -1, turn % 4, 0], given: 4 })
  make({ name: 'viewsOfSync', args: [Buffer.from('none\0'), Buffer.from('none\0'), turn % 4, 1], given: 4 })
  make({ name: 'unpackStartSync', args: [here, turn % 4, LIMITS.slice(), 0n, turn % 2 === 0, new Uint8Array()], given: 6 })
}
const BATCH = 64
for (let done = 0; done < rounds; done += BATCH) {
  for (const one of fc.sample(call, { seed: seed + done, numRuns: BATCH })) make(one)
  await yieldToLoop()
  // Some are left to wait for what never comes: the next part of an archive.
  waiting = waiting.slice(-200)
}
for (const name of ['packCancelSync', 'viewsCancelSync', 'unpackCancelSync']) {
  for (const handle of Object.values(handles).flat()) {
    try {
      native[name](handle)
    } catch {
      // It is another kind of handle.
    }
  }
}
await Promise.race([Promise.all(waiting), new Promise((resolve) => setTimeout(resolve, 20_000).unref())])
console.log(JSON.stringify(tally))
process.exit(0)

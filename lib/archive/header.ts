import type { Refuse } from './refusal.ts'

/** Bytes of a block; headers are one block, bodies are padded to whole ones. */
export const blockSize = 512

/** The fields of a header, pax(1) "ustar Interchange Format": offset and size. */
export const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  linkname: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const
export const typeOffset = 156

export type Field = readonly [offset: number, size: number]

type NumberField = 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'major' | 'minor'

/** 2^32-1 is the kernel's "no id": chown(2) leaves such an id alone. */
export const mostId = 0xfffffffe
export const mostDevice = 0xffffffff
/** What a time may be: 64 bits with a sign hold its seconds, as in the kernel. */
const mostSeconds = 2n ** 63n - 1n
const leastSeconds = -(2n ** 63n)
const nanosecond = 1_000_000_000n
/** The same, in nanoseconds. */
export const mostTime: bigint = mostSeconds * nanosecond + nanosecond - 1n
export const leastTime: bigint = leastSeconds * nanosecond

const ustar = Buffer.from('ustar\0')
const gnu = Buffer.from('ustar  \0')
const space = 0x20
const zero = 0x30
const seven = 0x37

/** The numbers of an entry's header. */
export interface HeaderNumbers {
  /** Low 12 bits. */
  mode: number
  uid: number
  gid: number
  size: number
  /** Nanoseconds. */
  mtime: bigint
  major: number
  minor: number
}

/** Bytes behind a body, up to a whole block. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < blockSize; i++) if (block[i] !== 0) return false
  return true
}

/** The sum of all bytes, unsigned, those of the checksum's own field taken as blanks. */
export function checksumOf(block: Uint8Array): number {
  const [offset, size] = fields.checksum
  let sum = size * space
  for (let i = 0; i < offset; i++) sum += block[i] ?? 0
  for (let i = offset + size; i < blockSize; i++) sum += block[i] ?? 0
  return sum
}

/** Does the block say of itself what is in it? Signed sums, as some tars of the 1980s wrote, are none. */
export function hasRightChecksum(block: Uint8Array): boolean {
  const [offset, size] = fields.checksum
  const stored = latin1(block, offset, offset + size)
  const digits = /^[\0 ]*([0-7]+)[\0 ]*$/.exec(stored)?.[1]
  return digits !== undefined && parseInt(digits, 8) === checksumOf(block)
}

/** The name in a header: with the prefix in front where the format has one. */
export function decodeName(block: Uint8Array): Buffer {
  const name = decodeText(block, fields.name)
  if (formatOf(block) !== 'ustar') return name
  const prefix = decodeText(block, fields.prefix)
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name])
}

/** A copy of a field's bytes up to the first NUL. */
export function decodeText(block: Uint8Array, [offset, size]: Field): Buffer {
  const field = block.subarray(offset, offset + size)
  const end = field.indexOf(0)
  return Buffer.from(end === -1 ? field : field.subarray(0, end))
}

/** The numbers of an entry's header; of devices only where `type` is one and the format has the fields. */
export function decodeNumbers(block: Uint8Array, type: string, refuse: Refuse): HeaderNumbers {
  const number = (name: NumberField, least: number, most: number): number =>
    Number(decodeNumber(block, name, least, most, refuse))
  const mode = decodeNumber(block, 'mode', 0, Infinity, refuse)
  const numbers = {
    mode: Number(BigInt(mode) & 0o7777n),
    uid: number('uid', 0, mostId),
    gid: number('gid', 0, mostId),
    size: decodeSize(block, refuse),
    mtime: BigInt(decodeNumber(block, 'mtime', leastSeconds, mostSeconds, refuse)) * nanosecond,
    major: 0,
    minor: 0,
  }
  const device = type === 'char' || type === 'block'
  if (!device || formatOf(block) === 'v7') return numbers
  return { ...numbers, major: number('major', 0, mostDevice), minor: number('minor', 0, mostDevice) }
}

export function decodeSize(block: Uint8Array, refuse: Refuse): number {
  return Number(decodeNumber(block, 'size', 0, Number.MAX_SAFE_INTEGER, refuse))
}

function formatOf(block: Uint8Array): 'ustar' | 'gnu' | 'v7' {
  const [offset] = fields.magic
  if (ustar.equals(block.subarray(offset, offset + ustar.length))) return 'ustar'
  return gnu.equals(block.subarray(offset, offset + gnu.length)) ? 'gnu' : 'v7'
}

function decodeNumber(
  block: Uint8Array,
  name: NumberField,
  least: number | bigint,
  most: number | bigint,
  refuse: Refuse,
): number | bigint {
  const [offset, size] = fields[name]
  const first = block[offset] ?? 0
  const value = first < 0x80 ? octal(block, offset, offset + size) : base256(block, offset, offset + size)
  if (value === undefined) return refuse('ERR_ARCHIVE_FORMAT', `its ${name} is no number`)
  if (value < least || value > most) return refuse('ERR_ARCHIVE_FORMAT', `its ${name} is out of range`)
  return value
}

/** Blanks, digits, and up to the end nothing but blanks and NULs. */
function octal(block: Uint8Array, begin: number, end: number): number | undefined {
  let value = 0
  let i = begin
  while (i < end && block[i] === space) i++
  for (; i < end; i++) {
    const byte = block[i] ?? 0
    if (byte < zero || byte > seven) break
    value = value * 8 + byte - zero
  }
  for (; i < end; i++) if (block[i] !== 0 && block[i] !== space) return undefined
  return value
}

/** GNU tar's form: the first byte tells the sign, the others are the number, of two's complement. */
function base256(block: Uint8Array, begin: number, end: number): bigint | undefined {
  const first = block[begin]
  if (first !== 0x80 && first !== 0xff) return undefined
  let value = 0n
  for (let i = begin + 1; i < end; i++) value = (value << 8n) | BigInt(block[i] ?? 0)
  return first === 0xff ? value - (1n << BigInt(8 * (end - begin - 1))) : value
}

function latin1(bytes: Uint8Array, begin: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + begin, end - begin).toString('latin1')
}

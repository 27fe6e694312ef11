// Tars block by block, right and wrong ones. Nothing here comes from the code under test.
import type { ArchiveErrorCode } from '#lib/sys/failure.js'
import type { ArchiveLimits } from '#lib/archive/limits.js'
import type { EntryHead } from '#lib/archive/entry.js'

/** An archive, and what each reader must make of it: a list, or a refusal. */
export interface Vector {
  name: string
  bytes: Buffer
  limits?: ArchiveLimits
  list?: Listed[]
  refused?: ArchiveErrorCode
}

export interface Listed extends EntryHead {
  body: Buffer
}

/** A number stands for octal digits ended by a NUL; text (latin1) and bytes are put there as they are. */
type Field = number | string | Buffer

export interface HeaderFields {
  name?: string | Buffer
  mode?: Field
  uid?: Field
  gid?: Field
  size?: Field
  mtime?: Field
  checksum?: (sum: number) => string
  type?: string
  linkname?: string | Buffer
  /** Eight bytes: magic and version. */
  magic?: string
  major?: Field
  minor?: Field
  prefix?: string | Buffer
}

export const ustar = 'ustar\x0000'
export const gnu = 'ustar  \0'
export const v7 = '\0\0\0\0\0\0\0\0'

export function bytesOf(value: string | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : value
}

/** A header block, the checksum included; without anything said: an empty file `f`, 0644 0:0, of 1970. */
export function header(fields: HeaderFields = {}): Buffer {
  const block = Buffer.alloc(512)
  const put = (value: Field, offset: number, size: number): void => {
    const field = typeof value === 'number' ? `${value.toString(8).padStart(size - 1, '0')}\0` : value
    const bytes = bytesOf(field)
    if (bytes.length > size) throw new Error(`${bytes.length} bytes for a field of ${size}`)
    block.set(bytes, offset)
  }
  put(fields.name ?? 'f', 0, 100)
  put(fields.mode ?? 0o644, 100, 8)
  put(fields.uid ?? 0, 108, 8)
  put(fields.gid ?? 0, 116, 8)
  put(fields.size ?? 0, 124, 12)
  put(fields.mtime ?? 0, 136, 12)
  put(' '.repeat(8), 148, 8)
  put(fields.type ?? '0', 156, 1)
  put(fields.linkname ?? '', 157, 100)
  put(fields.magic ?? ustar, 257, 8)
  put(fields.major ?? 0, 329, 8)
  put(fields.minor ?? 0, 337, 8)
  put(fields.prefix ?? '', 345, 155)
  const sum = block.reduce((total, byte) => total + byte, 0)
  const checksum = fields.checksum ?? ((value: number) => `${value.toString(8).padStart(6, '0')}\0 `)
  put(checksum(sum), 148, 8)
  return block
}

export function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** A header with its body, whose size it states where nothing else is said. */
export function entry(fields: HeaderFields = {}, body: string | Buffer = ''): Buffer {
  const bytes = bytesOf(body)
  return Buffer.concat([header({ size: bytes.length, ...fields }), padded(bytes)])
}

/** A PAX record with the right length. */
export function record(key: string | Buffer, value: string | Buffer): Buffer {
  const rest = Buffer.concat([bytesOf(' '), bytesOf(key), bytesOf('='), bytesOf(value), bytesOf('\n')])
  for (let length = rest.length + 1; ; length++) {
    if (String(length).length + rest.length === length) return Buffer.concat([bytesOf(String(length)), rest])
  }
}

/** Raw records, or pairs of key and value. */
export type Records = string | Buffer | [key: string, value: string | Buffer][]

export function recordsOf(records: Records): Buffer {
  if (!Array.isArray(records)) return bytesOf(records)
  return Buffer.concat(records.map(([key, value]) => record(key, value)))
}

/** A PAX header for the next entry. */
export function pax(records: Records, fields: HeaderFields = {}): Buffer {
  return entry({ name: 'PaxHeader', type: 'x', ...fields }, recordsOf(records))
}

/** A PAX header for all entries behind it. */
export function globalPax(records: Records): Buffer {
  return pax(records, { type: 'g' })
}

/** GNU tar's header for a long name (L) or link name (K). */
export function long(type: 'L' | 'K', body: string | Buffer): Buffer {
  return entry({ name: '././@LongLink', type, magic: gnu }, body)
}

export const end = Buffer.alloc(1024)

/** A whole archive. */
export function tar(...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, end])
}

/** Big-endian, two's complement, in a field of `size` bytes: GNU tar's other form of numbers. */
export function base256(value: bigint, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let rest = value
  for (let i = size - 1; i > 0; i--) {
    bytes[i] = Number(BigInt.asUintN(8, rest))
    rest >>= 8n
  }
  bytes[0] = value < 0n ? 0xff : 0x80
  return bytes
}

type Said = Partial<Omit<Listed, 'name' | 'linkname' | 'body'>> & {
  name?: string | Buffer
  linkname?: string | Buffer
  body?: string | Buffer
}

/** An entry as it must be listed; what is not said is what {@link header} puts there. */
export function listed(said: Said = {}): Listed {
  const body = bytesOf(said.body ?? '')
  return {
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0n,
    major: 0,
    minor: 0,
    xattrs: new Map(),
    size: body.length,
    ...said,
    name: bytesOf(said.name ?? 'f'),
    linkname: said.linkname === undefined ? undefined : bytesOf(said.linkname),
    body,
  }
}

export function accepted(name: string, bytes: Buffer, ...list: Listed[]): Vector {
  return { name, bytes, list }
}

export function refused(name: string, code: ArchiveErrorCode, bytes: Buffer): Vector {
  return { name, bytes, refused: code }
}

import { Readable } from 'node:stream'

import { checkBuffer, checkInteger, invalidType, invalidValue, outOfRange } from '../sys/arguments.ts'
import { GraphDriverError } from '../sys/failure.ts'
import { encodeHeader, mostOctal7 } from './encode.ts'
import type { EntryHead, EntryType } from './entry.ts'
import { blockSize, leastTime, mostId, mostTime, paddingOf } from './header.ts'
import { quote } from './refusal.ts'

/** An entry of a tar to be written; what `entries` gives is one. */
export interface TarEntryInput {
  /** Not empty, without NUL, text as UTF-8. A directory's gets a slash behind it; a file's must have none. */
  name: string | Uint8Array
  type: EntryType
  /** Bytes of the body. Needed where the body is no Uint8Array; 0 for all but files. */
  size?: number | undefined
  /** 12 bits. 0755 for directories, 0644 for all else. */
  mode?: number | undefined
  /** 0 to 2^32-2. 0. */
  uid?: number | undefined
  /** 0 to 2^32-2. 0. */
  gid?: number | undefined
  /** Nanoseconds since 1970; their seconds have 64 bits with a sign. 0. */
  mtime?: bigint | undefined
  /** Of links and symlinks, and there only: not empty, without NUL. A link's target is the name of an entry before it. */
  linkname?: string | Uint8Array | undefined
  /** Numbers of a device, 0 to 2097151. 0. */
  major?: number | undefined
  minor?: number | undefined
  /** Extended attributes by name, of one character a byte (latin1). None. */
  xattrs?: ReadonlyMap<string, Uint8Array> | undefined
  /** Exactly `size` bytes. */
  body?: Uint8Array | AsyncIterable<Uint8Array> | undefined
}

/** Headers and small bodies are gathered in pieces of this size. */
const pieceSize = 64 * 1024
const zeros = Buffer.alloc(2 * blockSize)

/**
 * A tar made of entries, in the order in which they come: ustar headers, with PAX ones before them where something does not fit;
 * two blocks of zeros at the end. The same entries give the same bytes at all times, on every machine. What is read
 * with `entries` is written as it was, but in this form.
 *
 * Entries and bodies are read only as fast as the stream is. A stream that is destroyed early ends both. Pieces of
 * bodies must not be changed once they were handed over.
 *
 * @returns a stream of bytes. Its errors: TypeError and RangeError for an entry that cannot be; GraphDriverError ERR_ARCHIVE_BODY_SIZE for a body
 *   longer or shorter than its size; whatever the entries and bodies throw.
 */
export function fromEntries(entries: Iterable<TarEntryInput> | AsyncIterable<TarEntryInput>): Readable {
  const value: unknown = entries
  if (
    typeof value !== 'object' ||
    value === null ||
    !(Symbol.asyncIterator in value || Symbol.iterator in value)
  ) {
    throw invalidType('entries', 'an iterable or an async iterable', value)
  }
  return Readable.from(gather(write(entries)), { objectMode: false, highWaterMark: pieceSize })
}

// tar-stream's pack() has no part in this. Its headers are never the ones that are wanted: numbers of six digits and a blank,
// where the native writer has seven; mode 0 turned into 0644; owners above 262143 and times before 1970 cut without a
// word; names and PAX values through UTF-8, which breaks security.capability; no slash behind directories. What
// is left to it without its headers is padding and the end marker, and that only through a method that it does not export.
async function* write(
  entries: Iterable<TarEntryInput> | AsyncIterable<TarEntryInput>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const entry of entries) {
    const head = checkEntry(entry)
    yield encodeHeader(head)
    yield* exactly(head, entry.body)
    const padding = paddingOf(head.size)
    if (padding > 0) yield zeros.subarray(0, padding)
  }
  yield zeros
}

async function* exactly(
  head: EntryHead,
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let missing = head.size
  if (body instanceof Uint8Array) {
    missing -= body.length
    if (missing === 0) yield body
  } else if (body !== undefined) {
    for await (const piece of body) {
      missing -= checkBuffer(piece, 'body').length
      if (missing < 0) break
      yield piece
    }
  }
  if (missing === 0) return
  const what = missing < 0 ? 'longer' : 'shorter'
  const text = `the body of ${quote(head.name)} is ${what} than its ${head.size} bytes`
  throw new GraphDriverError('ERR_ARCHIVE_BODY_SIZE', text)
}

/** A piece of half a kilobyte costs as much to hand over as one of 64. */
async function* gather(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let small: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    if (size + chunk.length > pieceSize && size > 0) {
      yield Buffer.concat(small, size)
      small = []
      size = 0
    }
    if (chunk.length >= pieceSize) yield chunk
    else {
      small.push(chunk)
      size += chunk.length
    }
  }
  if (size > 0) yield Buffer.concat(small, size)
}

const types: readonly unknown[] = [
  'file',
  'link',
  'symlink',
  'char',
  'block',
  'directory',
  'fifo',
] satisfies EntryType[]

function checkEntry(entry: TarEntryInput): EntryHead {
  const value: unknown = entry
  if (typeof value !== 'object' || value === null) throw invalidType('entry', 'of type object', value)
  const { type } = entry
  if (!types.includes(type)) throw invalidValue('entry.type', `must be one of ${types.join(', ')}`, type)
  const isLink = type === 'link' || type === 'symlink'
  const isDevice = type === 'char' || type === 'block'
  if (!isLink && entry.linkname !== undefined) {
    throw invalidValue('entry.linkname', `must not be there for a ${type}`, entry.linkname)
  }
  const device = isDevice ? mostOctal7 : 0
  return {
    name: checkEntryName(entry.name, type),
    type,
    size: checkSize(entry),
    mode: checkInteger(entry.mode ?? (type === 'directory' ? 0o755 : 0o644), 'entry.mode', 0, 0o7777),
    uid: checkInteger(entry.uid ?? 0, 'entry.uid', 0, mostId),
    gid: checkInteger(entry.gid ?? 0, 'entry.gid', 0, mostId),
    mtime: checkTime(entry.mtime ?? 0n),
    linkname: isLink ? checkText(entry.linkname, 'entry.linkname') : undefined,
    major: checkInteger(entry.major ?? 0, 'entry.major', 0, device),
    minor: checkInteger(entry.minor ?? 0, 'entry.minor', 0, device),
    xattrs: checkXattrs(entry.xattrs),
  }
}

function checkTime(value: unknown): bigint {
  if (typeof value !== 'bigint') throw invalidType('entry.mtime', 'of type bigint', value)
  if (value < leastTime || value > mostTime)
    throw outOfRange('entry.mtime', 'nanoseconds whose seconds have 64 bits', value)
  return value
}

function checkText(value: unknown, name: string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(checkBuffer(value, name))
  if (bytes.length === 0) throw invalidValue(name, 'must not be empty', value)
  if (bytes.includes(0)) throw invalidValue(name, 'must hold no null bytes', value)
  return bytes
}

function checkEntryName(value: unknown, type: EntryType): Buffer {
  const name = checkText(value, 'entry.name')
  const hasSlash = name.at(-1) === 0x2f
  if (type === 'file' && hasSlash)
    throw invalidValue('entry.name', 'must not end in a slash for a file', value)
  return type === 'directory' && !hasSlash ? Buffer.concat([name, Buffer.from('/')]) : name
}

function checkSize({ type, size, body }: TarEntryInput): number {
  const most = type === 'file' ? Number.MAX_SAFE_INTEGER : 0
  return checkInteger(size ?? (body instanceof Uint8Array ? body.length : 0), 'entry.size', 0, most)
}

function checkXattrs(xattrs: ReadonlyMap<string, Uint8Array> | undefined): Map<string, Buffer> {
  const checked = new Map<string, Buffer>()
  for (const [name, value] of xattrs ?? []) {
    // A byte each, and none of them NUL.
    if (name === '' || name.includes('\0') || /[\u0100-\uffff]/.test(name))
      throw invalidValue('entry.xattrs', 'must have names of bytes, not empty', name)
    checked.set(name, Buffer.from(checkBuffer(value, 'entry.xattrs')))
  }
  return checked
}

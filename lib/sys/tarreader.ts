import { isUtf8 } from 'node:buffer'

import { binding } from './binding.ts'
import { SyscallError } from './error.ts'
import { GraphDriverError, type ArchiveErrorCode } from './failure.ts'
import type { WideTable } from './native.ts'

/** The types of entries, by the addon's numbers (native/tarreader.h). */
const types = ['file', 'link', 'symlink', 'char', 'block', 'directory', 'fifo'] as const

export type TarEntryType = (typeof types)[number]

/** One entry of a tar, as its header says. */
export interface ListedEntry {
  readonly type: TarEntryType
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since 1970; 64 bits hold them only up to 2262. */
  readonly mtime: bigint
  readonly major: number
  readonly minor: number
  readonly name: Buffer
  /** Of links of both kinds. */
  readonly linkname: Buffer | undefined
  /** Names one character a byte (latin1). */
  readonly xattrs: ReadonlyMap<string, Buffer>
}

/** How much the native reader takes, each a whole number or Infinity. */
export interface TarReaderLimits {
  readonly entries: number
  /** Of the tar, what is behind its end included. */
  readonly bytes: number
  readonly extendedHeader: number
  readonly paxRecords: number
  readonly xattrs: number
  readonly xattrName: number
  readonly xattrValue: number
  readonly path: number
  readonly component: number
}

type Fault = readonly [code: ArchiveErrorCode, what: string, limit?: keyof TarReaderLimits]

const format = 'ERR_ARCHIVE_FORMAT'
const limit = 'ERR_ARCHIVE_LIMIT'
const unsupported = 'ERR_ARCHIVE_UNSUPPORTED'
const whiteout = 'ERR_ARCHIVE_WHITEOUT'

const without = 'which is not read here: make the tar without --sparse (bsdtar: with --no-read-sparse)'
/** GNU tar writes the first one with --sparse --format=pax, as bsdtar does by itself, the other with --sparse --format=gnu. */
export const sparse: string = `a sparse file in PAX records of GNU tar, ${without}`
export const sparseOld: string = `a sparse file in the old format of GNU tar (type "S"), ${without}`

/** What the addon refuses, by its numbers (TarFault in native/tarpolicy.h), from 2 on: 1 is a lack of memory. */
const faults: readonly Fault[] = [
  [format, 'its header does not add up to its checksum'],
  [unsupported, 'its type is none that is read here'],
  [format, 'its mode is no number'],
  [format, 'its uid is no number, or out of range'],
  [format, 'its gid is no number, or out of range'],
  [format, 'its size is no number, or out of range'],
  [format, 'its mtime is no number, or out of range'],
  [format, 'its device number is no number, or out of range'],
  [limit, 'an extended header is longer than the limit', 'extendedHeader'],
  [format, 'two extended headers of one kind for one entry'],
  [format, 'a global header between an extended header and its entry'],
  [format, 'an extended header breaks the rules of PAX'],
  [limit, 'an extended header has more records than the limit', 'paxRecords'],
  [format, 'an extended header has a value that is none'],
  [unsupported, 'a global header has a path, linkpath or size'],
  [unsupported, sparse],
  [unsupported, sparseOld],
  [limit, 'the name of an extended attribute is longer than the limit', 'xattrName'],
  [limit, 'an extended attribute is longer than the limit', 'xattrValue'],
  [limit, 'more extended attributes than the limit', 'xattrs'],
  [format, 'something follows a long name'],
  [format, 'two names: by PAX and by GNU tar'],
  [format, 'two link targets: by PAX and by GNU tar'],
  [format, 'it has no name'],
  [format, 'it has no link target'],
  [format, 'it has a size, and is of a type that has no body'],
  [limit, 'its name is longer than the limit', 'path'],
  [limit, 'a part of its name is longer than the limit', 'component'],
  [limit, 'its link target is longer than the limit', 'path'],
  [limit, 'more entries than the limit', 'entries'],
  [limit, 'more bytes than the limit', 'bytes'],
  [format, 'a block of zeros, and then more'],
  [format, 'an extended header at the end, without its entry'],
  ['ERR_ARCHIVE_TRUNCATED', 'the archive ends here'],
  ['ERR_ARCHIVE_PATH', 'its name has a part ".."'],
  ['ERR_ARCHIVE_PATH', 'what should be its directory is none'],
  ['ERR_ARCHIVE_LINK', 'what it is a hard link to is not in the layer'],
  [whiteout, 'its name is reserved, or that of a whiteout of nothing'],
  [whiteout, 'a whiteout must be an empty regular file'],
  [whiteout, 'a part of its path is the name of a whiteout'],
  [whiteout, 'the device 0:0 is a whiteout on disk'],
  [unsupported, 'Linux has no such device number'],
]
const noMemory = 1

/** Where an archive was refused. */
export interface TarRefusal {
  /** The addon's number of the reason. */
  readonly fault: number
  /** Number of the entry, from 1 on. */
  readonly entry: number
  /** Where in the tar the header is that was read last. */
  readonly offset: number
  readonly name: Uint8Array
}

/** What a message shows of a long name. */
const mostShown = 120

function quote(name: Uint8Array): string {
  const shown = Buffer.from(name.subarray(0, mostShown))
  const text = isUtf8(shown)
    ? JSON.stringify(shown.toString())
    : `"${shown.toString('latin1').replace(/[^ !#-[\]-~]/g, escaped)}"`
  return name.length > mostShown ? `${text}…` : text
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}

/** The error for a refusal of the native reader: a GraphDriverError ERR_ARCHIVE_*. */
export function refusalError(
  { fault, entry, offset, name }: TarRefusal,
  limits: TarReaderLimits,
): GraphDriverError | SyscallError {
  const found = faults[fault - noMemory - 1]
  if (found === undefined) return new SyscallError('ENOMEM', 'malloc')
  const [code, what, which] = found
  const named = name.length === 0 ? '' : ` ${quote(name)}`
  const bound = which === undefined ? '' : ` (limit ${which}: ${String(limits[which])})`
  const where = `Entry ${String(entry)}${named} at byte ${String(offset)}`
  return new GraphDriverError(code, `${where} of the archive is refused: ${what}${bound}`)
}

/** More than any archive has, and some room to add to it. */
const endless = 2n ** 62n

/** The limits as the addon takes them, in the order of native/tarpolicy.h. */
export function encodeLimits(limits: TarReaderLimits): Uint8Array {
  const { entries, bytes, extendedHeader, paxRecords, xattrs, xattrName, xattrValue, path, component } =
    limits
  const all = [entries, bytes, extendedHeader, paxRecords, xattrs, xattrName, xattrValue, path, component]
  const row = BigUint64Array.from(all, (value) => (value === Infinity ? endless : BigInt(value)))
  return new Uint8Array(row.buffer)
}

/** Numbers before the entries' rows, in a row, and of each extended attribute (native/tarlist.cc). */
const headSize = 6
const rowSize = 15
const xattrSize = 4

class Rows {
  readonly #rows: readonly number[]
  readonly #wide: BigInt64Array
  readonly #text: Buffer

  constructor({ rows, text }: WideTable) {
    this.#wide = rows
    this.#rows = Array.from(rows, Number)
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  }

  at(index: number): number {
    return this.#rows[index] ?? 0
  }

  wide(index: number): bigint {
    return this.#wide[index] ?? 0n
  }

  /** What the pair of numbers at `index` points to. */
  bytes(index: number): Buffer {
    return this.#text.subarray(this.at(index), this.at(index + 1))
  }
}

function decodeEntry(rows: Rows, at: number, xattrsAt: number): ListedEntry {
  const type = types[rows.at(at)] ?? 'file'
  const xattrs = new Map<string, Buffer>()
  for (let i = 0; i < rows.at(at + 14); i++) {
    const place = xattrsAt + (rows.at(at + 13) + i) * xattrSize
    xattrs.set(rows.bytes(place).toString('latin1'), rows.bytes(place + 2))
  }
  return {
    type,
    size: rows.at(at + 1),
    mode: rows.at(at + 2),
    uid: rows.at(at + 3),
    gid: rows.at(at + 4),
    mtime: rows.wide(at + 5) * 1_000_000_000n + rows.wide(at + 6),
    major: rows.at(at + 7),
    minor: rows.at(at + 8),
    name: rows.bytes(at + 9),
    linkname: type === 'link' || type === 'symlink' ? rows.bytes(at + 11) : undefined,
    xattrs,
  }
}

/** The entries of a tar, and why the rest of it is refused, if it is. */
export interface TarList {
  readonly entries: ListedEntry[]
  readonly refusal: GraphDriverError | SyscallError | undefined
}

/**
 * Lists a tar that is in memory, by the addon's reader.
 *
 * @param pieces the sizes of the pieces in which it is given to the reader, again and again; none: all at once.
 * @throws SyscallError ENOMEM
 */
export function listTarSync(archive: Uint8Array, limits: TarReaderLimits, pieces: number[] = []): TarList {
  const answer = binding().listTarSync(archive, Int32Array.from(pieces), encodeLimits(limits))
  if (typeof answer === 'number') throw new SyscallError(answer, 'malloc')
  const rows = new Rows(answer)
  const count = rows.at(5)
  const xattrsAt = headSize + count * rowSize
  const entries: ListedEntry[] = []
  for (let i = 0; i < count; i++) entries.push(decodeEntry(rows, headSize + i * rowSize, xattrsAt))
  const fault = rows.at(0)
  if (fault === 0) return { entries, refusal: undefined }
  const place = { fault, entry: rows.at(1), offset: rows.at(2), name: rows.bytes(3) }
  return { entries, refusal: refusalError(place, limits) }
}

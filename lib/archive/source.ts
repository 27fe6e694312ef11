import type { FileHandle } from 'node:fs/promises'
import { Stream } from 'node:stream'

import { checkOptions, invalidType } from '../sys/arguments.ts'
import { GraphDriverError } from '../sys/failure.ts'
import { decompress, findCompression } from './compression.ts'
import { blockSize } from './header.ts'
import { resolveLimits } from './limits.ts'
import type { ArchiveLimits } from './limits.ts'
import { Pull } from './pull.ts'

/** Where a tar comes from: pieces of any size, or an open file, which is read from where it stands and not closed. */
export type TarSource = AsyncIterable<Uint8Array> | FileHandle

export interface TarBytesOptions {
  /** `bytes` and `ratio` count here. */
  limits?: ArchiveLimits | undefined
  /** Ends the reading, also while the source lets wait. */
  signal?: AbortSignal | undefined
}

/** A body of many MiB passes in pieces large enough that the pieces cost little. */
const readSize = 256 * 1024

/**
 * The bytes of a tar, decompressed where its first bytes say that it is compressed: gzip (every member; zeros may
 * follow the last one, nothing else), zstd where this Node.js has it. A source is read only when the caller waits for bytes, and
 * ended when the caller stops early.
 *
 * @param tar a piece must not be changed once it was handed over.
 * @throws TypeError at once; then, while reading, GraphDriverError ERR_ARCHIVE_UNSUPPORTED (xz, bzip2, zstd without support),
 *   ERR_ARCHIVE_FORMAT and ERR_ARCHIVE_TRUNCATED (of the compressed stream), ERR_ARCHIVE_LIMIT; the signal's reason; and
 *   whatever the source throws.
 */
export function tarBytes(
  tar: TarSource,
  options: TarBytesOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { limits, signal } = checkOptions(options)
  const { bytes, ratio } = resolveLimits(limits)
  heedErrors(tar)
  return limited(plain(checkSource(tar), ratio, signal), bytes)
}

/** How a tar comes in. */
export interface TarInput {
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** Behind the pieces comes, as it is, what this file holds from where it stands. */
  readonly rest: FileHandle | undefined
}

/**
 * As {@link tarBytes}, for who can read files by himself: of a regular file that is not compressed only the first piece
 * is read here. The limit of bytes is the caller's then.
 */
export async function tarInput(tar: TarSource, options: TarBytesOptions = {}): Promise<TarInput> {
  checkSource(tar)
  if (!isFile(tar) || !(await tar.stat()).isFile()) return { pieces: tarBytes(tar, options), rest: undefined }
  const start = await piece(tar)
  if (findCompression(start) === undefined) return { pieces: [start], rest: tar }
  return { pieces: tarBytes(pieces(tar, start), options), rest: undefined }
}

function checkSource(tar: TarSource): AsyncIterable<unknown> {
  const value: unknown = tar
  if (typeof value === 'object' && value !== null) {
    if (isFile(value)) return pieces(value)
    if (Symbol.asyncIterator in value) return value as AsyncIterable<unknown>
  }
  throw invalidType('tar', 'an async iterable of Uint8Array, or a FileHandle', tar)
}

/**
 * A stream of Node's that fails before anybody reads it (a file that is not there) ends the process unless its 'error' has a
 * listener, and a call may have to wait before it reads. Reading it later throws the error all the same.
 */
export function heedErrors(tar: TarSource): void {
  if (tar instanceof Stream) tar.on('error', () => undefined)
}

/** Streams of files have a descriptor, too, and have perhaps read some of it. */
function isFile(value: object): value is FileHandle {
  const readable = 'fd' in value && 'read' in value && typeof value.read === 'function'
  return readable && !(Symbol.asyncIterator in value)
}

/** Empty at the end. */
async function piece(file: FileHandle): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(readSize)
  const { bytesRead } = await file.read(buffer, 0, readSize, null)
  return buffer.subarray(0, bytesRead)
}

async function* pieces(file: FileHandle, start?: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let next = start ?? (await piece(file)); next.length > 0; next = await piece(file)) yield next
}

async function* plain(
  source: AsyncIterable<unknown>,
  ratio: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pull = new Pull(source, signal)
  try {
    const start = await pull.atLeast(blockSize)
    const compression = findCompression(start)
    pull.unshift(start)
    if (compression !== undefined) {
      for await (const chunk of decompress(pull, compression, ratio)) {
        // A little that is read may become much: the source's turn may be far away.
        signal?.throwIfAborted()
        yield chunk
      }
      return
    }
    for (let chunk = await pull.next(); chunk !== undefined; chunk = await pull.next()) yield chunk
  } finally {
    await pull.end()
  }
}

/** What is within the limit is handed out in any case, so that the pieces' size does not decide what is found first. */
async function* limited(
  chunks: AsyncGenerator<Uint8Array, void, undefined>,
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let room = limit
  for await (const chunk of chunks) {
    if (chunk.length <= room) yield chunk
    else {
      if (room > 0) yield chunk.subarray(0, room)
      throw new GraphDriverError('ERR_ARCHIVE_LIMIT', `the archive has more than ${limit} bytes`)
    }
    room -= chunk.length
  }
}

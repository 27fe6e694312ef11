import { checkOptions } from '../sys/arguments.ts'
import type { EntryHead } from './entry.ts'
import { resolveLimits } from './limits.ts'
import type { ArchiveLimits, ResolvedLimits } from './limits.ts'
import { tarBytes } from './source.ts'
import type { TarSource } from './source.ts'
import { Framing } from './tar-stream.ts'
import type { Framed } from './tar-stream.ts'

/** An entry of a tar that is being read. */
export interface TarEntry extends EntryHead {
  /** The contents of a file, once; what is not read by the time the next entry is asked for is skipped. */
  body: AsyncIterable<Uint8Array>
}

/** How a tar is read. */
export interface EntriesOptions {
  limits?: ArchiveLimits | undefined
  /** Ends the reading with its reason. */
  signal?: AbortSignal | undefined
}

/**
 * The entries of a tar, one after the other: ustar, PAX, GNU tar's and the format before them; as it is, or compressed with gzip or zstd
 * (Node.js 22.15). Works on every platform. Nothing is cleaned or resolved: names may be absolute, hold `..`, or lead
 * through links. What readers of tars are known to see differently, or to guess at, is refused.
 *
 * Stopping early ends the source; a FileHandle stays open.
 *
 * @throws TypeError and RangeError at once, for wrong arguments. While reading, GraphDriverError:
 *   ERR_ARCHIVE_FORMAT, ERR_ARCHIVE_TRUNCATED, ERR_ARCHIVE_LIMIT, ERR_ARCHIVE_UNSUPPORTED (sparse files, volumes,
 *   other compressions); the signal's reason; whatever the source throws. An Error with code ERR_INVALID_STATE for a
 *   body that is read too late.
 */
export function entries(
  tar: TarSource,
  options: EntriesOptions = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const { limits, signal } = checkOptions(options)
  return read(tarBytes(tar, { limits, signal }), resolveLimits(limits))
}

async function* read(
  bytes: AsyncGenerator<Uint8Array, void, undefined>,
  limits: ResolvedLimits,
): AsyncGenerator<TarEntry, void, undefined> {
  const framing = await Framing.open(bytes, limits)
  try {
    for (let framed = await framing.next(); framed !== undefined; framed = await framing.next()) {
      yield { ...framed.head, body: pieces(framing, framed) }
    }
  } finally {
    await framing.close()
  }
}

async function* pieces(framing: Framing, framed: Framed): AsyncGenerator<Uint8Array, void, undefined> {
  for (let piece = await framing.piece(framed); piece !== undefined; piece = await framing.piece(framed)) {
    yield piece
  }
}

import type { Transform } from 'node:stream'
import type { ZlibOptions } from 'node:zlib'

import { GraphDriverError } from '../sys/failure.ts'
import type { ArchiveErrorCode } from '../sys/failure.ts'
import { blockSize, hasRightChecksum } from './header.ts'
import type { Pull } from './pull.ts'
import { ZstdFrames } from './zstd-frames.ts'

type Engine = Transform & { readonly bytesWritten: number }

export interface Compression {
  readonly name: string
  readonly magic: readonly Buffer[]
  /** Undefined where Node.js has no decompressor. */
  readonly create: ((zlib: Zlib) => Engine | undefined) | undefined
  /** What the format takes behind its end without a word. */
  readonly padding?: 'zeros'
  /** Where the decompressor does not tell that a stream was cut. */
  readonly follow?: () => ZstdFrames
}

/**
 * So much may come of anything. A layer that is little else than a file of zeros is honest, and deflate makes up to 1032 bytes of one
 * of its own, zstd far more: that tells no bomb. What goes on like that beyond a GiB does.
 */
const ratioFrom = 1024 ** 3
const pieceSize = 64 * 1024
const magicSize = 6
const none = new Uint8Array(0)
const noop = (): void => undefined

/** node:zlib, which is loaded when something compressed comes: most tars here are not. */
interface Zlib {
  createGunzip: (options: ZlibOptions) => Engine
  /** In Node.js since 22.15 and 23.8: looked for, and done without where it is not there. */
  createZstdDecompress?: (options: ZlibOptions) => Engine
}

const gzip: Compression = {
  name: 'gzip',
  magic: [Buffer.from([0x1f, 0x8b])],
  create: (zlib) => zlib.createGunzip({ chunkSize: pieceSize }),
  // As gzip(1) has it, for tapes.
  padding: 'zeros',
}

const zstd: Compression = {
  name: 'zstd',
  // RFC 8878: a frame, or one that decoders skip.
  magic: [0xfd2fb528, ...Array.from({ length: 16 }, (_, i) => 0x184d2a50 + i)].map(littleEndian),
  create: (zlib) => zlib.createZstdDecompress?.({ chunkSize: pieceSize }),
  follow: () => new ZstdFrames(),
}

const compressions: readonly Compression[] = [
  gzip,
  zstd,
  { name: 'xz', magic: [Buffer.from('\xfd7zXZ\0', 'latin1')], create: undefined },
  { name: 'bzip2', magic: [Buffer.from('BZh')], create: undefined },
]

/**
 * The compression that a stream's first bytes tell of, or undefined.
 *
 * @param start at least a block, where there is one: the name of a tar's first entry may begin like a compressed
 *   stream, and then the checksum of the header tells.
 */
export function findCompression(start: Uint8Array): Compression | undefined {
  if (start.length >= blockSize && hasRightChecksum(start)) return undefined
  return compressions.find((compression) => beginsAs(start, compression))
}

function beginsAs(start: Uint8Array, { magic }: Compression): boolean {
  return magic.some((bytes) => bytes.equals(start.subarray(0, bytes.length)))
}

/**
 * @param ratio most bytes that one compressed byte may become, on the average.
 * @param from how many bytes may come without that being looked at.
 * @throws GraphDriverError ERR_ARCHIVE_UNSUPPORTED, ERR_ARCHIVE_FORMAT, ERR_ARCHIVE_TRUNCATED, ERR_ARCHIVE_LIMIT
 */
export async function* decompress(
  input: Pull,
  compression: Compression,
  ratio: number,
  from: number = ratioFrom,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { name } = compression
  const zlib: Zlib = await import('node:zlib')
  const create = (): Engine => {
    const engine = compression.create?.(zlib)
    if (engine === undefined) throw unsupported(name)
    return engine
  }
  const run = new Run(compression, create, input)
  let total = 0
  try {
    for (let chunk = await run.next(); chunk !== undefined; chunk = await run.next()) {
      total += chunk.length
      if (total > from && total > ratio * run.consumed) {
        throw new GraphDriverError(
          'ERR_ARCHIVE_LIMIT',
          `${name}: a byte becomes more than ${ratio} bytes, and all more than ${from}; the limit is limits.ratio`,
        )
      }
      yield chunk
    }
  } finally {
    run.destroy()
  }
}

/** Decompressors at work, one after the other; they get input only when there is nothing more to give out. */
class Run {
  readonly #compression: Compression
  readonly #create: () => Engine
  readonly #input: Pull
  #engine: Engine
  /** Compressed bytes that the engines before this one used. */
  #before = 0
  #fed = 0
  #last: Uint8Array = none
  #busy = false
  #ended = false
  readonly #frames: ZstdFrames | undefined
  #failure: Error | undefined
  #wake: () => void = () => undefined

  constructor(compression: Compression, create: () => Engine, input: Pull) {
    this.#compression = compression
    this.#create = create
    this.#input = input
    this.#frames = compression.follow?.()
    this.#engine = this.#start()
  }

  /** Compressed bytes that were used. */
  get consumed(): number {
    return this.#before + this.#engine.bytesWritten
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#engine.read() as Uint8Array | null
      if (chunk !== null) return chunk
      if (this.#failure) throw this.#explained(this.#failure)
      // At the end of a frame zlib's callback comes before its event, with the rest of a piece not used.
      if (this.#ended || (!this.#busy && this.#fed > this.#engine.bytesWritten)) {
        if (!(await this.#goOn())) return undefined
      } else if (this.#busy) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
      } else {
        await this.#feed()
      }
    }
  }

  destroy(): void {
    this.#engine.destroy()
  }

  #start(): Engine {
    const engine = this.#create()
    // One that is at its end may still have something to say.
    const heard = (tell: () => void): void => {
      if (engine !== this.#engine) return
      tell()
      this.#wake()
    }
    engine.on('readable', () => heard(noop))
    engine.on('end', () => heard(() => (this.#ended = true)))
    engine.on('error', (error) => heard(() => (this.#failure = error)))
    return engine
  }

  async #feed(): Promise<void> {
    this.#follow(this.#last)
    const chunk = await this.#input.next()
    this.#busy = true
    if (chunk === undefined) {
      if (this.#frames?.whole === false)
        throw this.#refusal('ERR_ARCHIVE_TRUNCATED', 'unexpected end of file')
      this.#engine.end()
      return
    }
    this.#last = chunk
    this.#fed += chunk.length
    const engine = this.#engine
    engine.write(chunk, () => {
      if (engine === this.#engine) this.#busy = false
      this.#wake()
    })
  }

  /** @param used compressed bytes that the engine took. */
  #follow(used: Uint8Array): void {
    this.#last = none
    if (this.#frames?.push(used) === false) throw this.#refusal('ERR_ARCHIVE_FORMAT', 'a damaged frame')
  }

  /** At the end of what the decompressor takes for one: is there more to decompress? */
  async #goOn(): Promise<boolean> {
    const used = this.#last.length - (this.#fed - this.#engine.bytesWritten)
    this.#input.unshift(this.#last.subarray(used))
    this.#follow(this.#last.subarray(0, used))
    const start = await this.#input.atLeast(magicSize)
    if (start.length > 0 && beginsAs(start, this.#compression)) {
      this.#input.unshift(start)
      this.#restart()
      return true
    }
    const isPadding = (byte: number): boolean => this.#compression.padding === 'zeros' && byte === 0
    for (let rest: Uint8Array | undefined = start; rest !== undefined; rest = await this.#input.next()) {
      if (!rest.every(isPadding)) throw this.#refusal('ERR_ARCHIVE_FORMAT', 'something follows its end')
    }
    return false
  }

  #restart(): void {
    this.#before = this.consumed
    this.#engine.destroy()
    this.#fed = 0
    this.#ended = this.#busy = false
    this.#engine = this.#start()
  }

  #explained(error: Error): GraphDriverError {
    const cut = (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR'
    return this.#refusal(cut ? 'ERR_ARCHIVE_TRUNCATED' : 'ERR_ARCHIVE_FORMAT', error.message, {
      cause: error,
    })
  }

  #refusal(code: ArchiveErrorCode, what: string, options?: { cause: Error }): GraphDriverError {
    return new GraphDriverError(code, `${this.#compression.name}: ${what}`, options)
  }
}

function unsupported(name: string): GraphDriverError {
  const why = name === 'zstd' ? 'Node.js has it from 22.15 on' : 'decompress it before'
  return new GraphDriverError('ERR_ARCHIVE_UNSUPPORTED', `an archive compressed with ${name}: ${why}`)
}

function littleEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

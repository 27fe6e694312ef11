import type { Extract } from 'tar-stream'

import type { EntryHead } from './entry.ts'
import { Guard } from './guard.ts'
import { encodeBodyHeader } from './encode.ts'
import { blockSize, paddingOf } from './header.ts'
import type { ResolvedLimits } from './limits.ts'

/** What is used of the stream that tar-stream makes for a body. */
interface BodyStream {
  read(): Uint8Array | null
  on(event: 'readable' | 'error', listener: () => void): unknown
}

/** An entry on its way through tar-stream. */
export interface Framed {
  readonly head: EntryHead
  /** Bytes of the body that were written to tar-stream, and those that were read from it. */
  given: number
  taken: number
  /** A part of the body was read away, since nobody wanted it. */
  skipped: boolean
  stream: BodyStream | undefined
  /** Lets tar-stream go on to the next entry. */
  next: () => void
}

/** A large piece is taken apart: else all entries in it would be on their way at once. */
const sliceSize = 64 * 1024
const zeros = Buffer.alloc(blockSize)
const noop = (): void => undefined

/**
 * The entries of a tar and their bodies: our guard reads and judges the headers, tar-stream hands out the bodies.
 *
 * tar-stream (3.2) is right about bodies and padding, and their back-pressure. About headers it is not: it decodes names and
 * PAX values as text, drops owners and times of PAX, waits for ever for the body of a directory, loses its place behind an
 * empty PAX header, reads on behind the end marker, and takes malformed records for the end of a header. So the only
 * headers that it is given are plain ones of ours, one before each body; what an entry is comes from the guard.
 *
 * It reads on only while somebody waits for an entry or a piece of a body, and only when tar-stream has nothing to give.
 */
export class Framing {
  readonly #source: AsyncGenerator<Uint8Array, void, undefined>
  readonly #extract: Extract
  readonly #guard: Guard
  #unread: Uint8Array = new Uint8Array(0)
  /** Given to tar-stream, and not yet handed out by it. */
  readonly #coming: Framed[] = []
  /** The one whose body the guard is reading. */
  #last: Framed | undefined
  /** Handed out by tar-stream, and not yet taken. */
  #arrived: Framed | undefined
  #current: Framed | undefined
  #feeding = false
  #ended = false
  #refusal: { readonly error: unknown } | undefined
  #failure: { readonly error: unknown } | undefined
  #waiting: (() => void)[] = []

  private constructor(
    source: AsyncGenerator<Uint8Array, void, undefined>,
    limits: ResolvedLimits,
    extract: Extract,
  ) {
    this.#source = source
    this.#extract = extract
    this.#guard = new Guard(limits, {
      entry: (head) => this.#give(head),
      body: (bytes) => this.#giveBody(bytes),
    })
    extract.on('entry', (_, stream, next) => this.#arrive(stream as BodyStream, next))
    extract.on('error', (error: unknown) => this.#fail(error))
  }

  /** tar-stream is loaded here, since it takes longer than all of ours, and most users never need it. */
  static async open(
    source: AsyncGenerator<Uint8Array, void, undefined>,
    limits: ResolvedLimits,
  ): Promise<Framing> {
    const { extract } = await import('tar-stream')
    return new Framing(source, limits, extract())
  }

  /** The next entry; what is left of the body before it is read away. Undefined at the end, when the source has ended too. */
  async next(): Promise<Framed | undefined> {
    const before = this.#current
    if (before !== undefined) {
      while ((await this.#read(before)) !== undefined) before.skipped = true
      this.#current = undefined
      before.next()
    }
    for (;;) {
      if (this.#arrived !== undefined) {
        this.#current = this.#arrived
        this.#arrived = undefined
        return this.#current
      }
      if (this.#ended && this.#coming.length === 0) return undefined
      await this.#progress(this.#coming.length > 0)
    }
  }

  /**
   * The next piece of a body, never empty; undefined at its end.
   *
   * @throws Error ERR_INVALID_STATE when it was skipped.
   */
  async piece(of: Framed): Promise<Uint8Array | undefined> {
    const piece = await this.#read(of)
    if (of.skipped) throw goneError()
    return piece
  }

  /** Ends it all, the source too. */
  async close(): Promise<void> {
    this.#failure ??= { error: goneError() }
    this.#current = undefined
    this.#extract.destroy()
    this.#wake()
    const ended = this.#source.return()
    // Somebody waits for a piece of the source, and may do so for ever; the source ends when that piece comes.
    if (this.#feeding) void ended.catch(noop)
    else await ended
  }

  async #read(of: Framed): Promise<Uint8Array | undefined> {
    while (of.taken < of.head.size) {
      if (of !== this.#current) throw goneError()
      const piece = of.stream?.read() ?? null
      if (piece !== null) {
        of.taken += piece.length
        return piece
      }
      await this.#progress(of.taken < of.given)
    }
    return undefined
  }

  /** @param due tar-stream has been given what is waited for. */
  async #progress(due: boolean): Promise<void> {
    if (this.#failure) throw this.#failure.error
    if (due || this.#feeding) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else await this.#feed()
  }

  async #feed(): Promise<void> {
    this.#feeding = true
    try {
      // What came before the refusal has been handed out by now.
      if (this.#refusal) throw this.#refusal.error
      if (this.#unread.length > 0) this.#judge()
      else await this.#take()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#feeding = false
      this.#wake()
    }
  }

  async #take(): Promise<void> {
    const chunk = await this.#source.next()
    if (chunk.done === true) {
      this.#guard.finish()
      this.#ended = true
    } else if (!this.#guard.ended) {
      // What is behind the end is read, so that nobody waits who writes it, but not looked at.
      this.#unread = chunk.value
      this.#judge()
    }
  }

  #judge(): void {
    const slice = this.#unread.subarray(0, sliceSize)
    this.#unread = this.#unread.subarray(slice.length)
    try {
      this.#guard.push(slice)
    } catch (error) {
      this.#refusal = { error }
    }
  }

  #give(head: EntryHead): void {
    this.#last = { head, given: 0, taken: 0, skipped: false, stream: undefined, next: noop }
    this.#coming.push(this.#last)
    this.#extract.write(encodeBodyHeader(head.size))
  }

  #giveBody(bytes: Uint8Array): void {
    const framed = this.#last
    if (framed === undefined) return
    this.#extract.write(bytes)
    framed.given += bytes.length
    const padding = paddingOf(framed.head.size)
    if (framed.given === framed.head.size && padding > 0) this.#extract.write(zeros.subarray(0, padding))
  }

  #arrive(stream: BodyStream, next: () => void): void {
    const framed = this.#coming.shift()
    if (framed === undefined) return
    framed.stream = stream
    framed.next = next
    stream.on('error', noop)
    if (framed.head.size > 0) stream.on('readable', () => this.#wake())
    this.#arrived = framed
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

function goneError(): Error {
  const message = 'The body of an entry can be read only until the next entry is asked for'
  return Object.assign(new Error(message), { code: 'ERR_INVALID_STATE' })
}

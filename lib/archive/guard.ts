import { GraphDriverError } from '../sys/failure.ts'
import type { ArchiveErrorCode } from '../sys/failure.ts'
import { sparseOld } from '../sys/tarreader.ts'
import type { EntryHead, EntryType } from './entry.ts'
import {
  blockSize,
  decodeName,
  decodeNumbers,
  decodeSize,
  decodeText,
  fields,
  hasRightChecksum,
  isZeroBlock,
  paddingOf,
  typeOffset,
} from './header.ts'
import type { HeaderNumbers } from './header.ts'
import type { ResolvedLimits } from './limits.ts'
import { parsePax } from './pax.ts'
import type { PaxAttributes } from './pax.ts'
import { quote } from './refusal.ts'
import type { Refuse } from './refusal.ts'

const types: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  // Contiguous files of systems that had such: plain files anywhere else, says pax(1).
  '7': 'file',
}

/** Headers that speak of the entry behind them: PAX, GNU tar's long name and long link name. */
const extensions = 'xLK'
const globalHeader = 'g'

const whiteoutPrefix = Buffer.from('.wh.')
const slash = 0x2f

/** What the guard reads next. */
type State = 'header' | 'extension' | 'body' | 'padding' | 'end' | 'ended'

/** Takes what passes on to the next reader: the entries in the order of the archive, and the bytes of their bodies. */
export interface GuardOutput {
  entry(head: EntryHead): void
  body(bytes: Uint8Array): void
}

/**
 * Reads a tar block by block, in pieces of any size, and refuses what other readers would take for different things.
 * It copies what it keeps, and allocates nothing by a size that the archive states.
 */
export class Guard {
  readonly #limits: ResolvedLimits
  readonly #output: GuardOutput
  #state: State = 'header'
  /** Bytes of the state that are still to come. */
  #missing = blockSize
  #padding = 0
  /** What is there of a header or an extension that is not whole yet; it grows with what comes. */
  #kept = Buffer.allocUnsafe(blockSize)
  #keptSize = 0
  #position = 0
  #headerAt = 0
  #entries = 0
  #extension = ''
  #pax: PaxAttributes | undefined
  #longName: Buffer | undefined
  #longLink: Buffer | undefined
  #name: Buffer | undefined

  constructor(limits: ResolvedLimits, output: GuardOutput) {
    this.#limits = limits
    this.#output = output
  }

  /** The end marker was read: what follows is no part of the archive. */
  get ended(): boolean {
    return this.#state === 'ended'
  }

  /** @throws GraphDriverError ERR_ARCHIVE_FORMAT, ERR_ARCHIVE_LIMIT, ERR_ARCHIVE_UNSUPPORTED */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.ended;) {
      const piece = chunk.subarray(at, at + Math.min(this.#missing, chunk.length - at))
      at += piece.length
      this.#position += piece.length
      this.#missing -= piece.length
      this.#take(piece)
    }
  }

  /**
   * Nothing more comes. A tar may lack its end marker, but not a part of anything else.
   *
   * @throws GraphDriverError ERR_ARCHIVE_TRUNCATED
   */
  finish(): void {
    const atBoundary = this.#missing === blockSize
    if (this.ended || (this.#state === 'end' && atBoundary)) return
    if (this.#state === 'header' || this.#state === 'end') {
      if (atBoundary && !this.#hasExtension()) return
      this.#headerAt = this.#position - (blockSize - this.#missing)
      this.#name = this.#extendedName()
    }
    this.#refuse(
      'ERR_ARCHIVE_TRUNCATED',
      `the archive ends ${atBoundary ? 'before' : 'within'} ${this.#place()}`,
    )
  }

  #place(): string {
    switch (this.#state) {
      case 'header':
        return 'a header'
      case 'extension':
        return 'an extended header'
      case 'body':
        return 'a body'
      case 'padding':
        return 'the padding of a body'
      default:
        return 'the end marker'
    }
  }

  #take(piece: Uint8Array): void {
    switch (this.#state) {
      case 'body':
        this.#output.body(piece)
        if (this.#missing === 0) this.#expect('padding', this.#padding)
        break
      case 'padding':
        if (this.#missing === 0) this.#expect('header', blockSize)
        break
      case 'header':
      case 'extension':
      case 'end': {
        const split = this.#missing > 0 || this.#keptSize > 0
        if (split) this.#keep(piece)
        if (this.#missing > 0) return
        const whole = split ? this.#kept.subarray(0, this.#keptSize) : asBuffer(piece)
        this.#keptSize = 0
        this.#takeWhole(this.#state, whole)
        break
      }
      case 'ended':
        break
    }
  }

  #keep(piece: Uint8Array): void {
    const size = this.#keptSize + piece.length
    if (size > this.#kept.length) {
      const larger = Buffer.allocUnsafe(Math.max(size, 2 * this.#kept.length))
      this.#kept.copy(larger, 0, 0, this.#keptSize)
      this.#kept = larger
    }
    this.#kept.set(piece, this.#keptSize)
    this.#keptSize = size
  }

  /** Without bytes to come the state behind the next is reached at once. */
  #expect(state: State, bytes: number): void {
    this.#state = state
    this.#missing = bytes
    if (bytes > 0) return
    if (state === 'padding') this.#expect('header', blockSize)
    else this.#expect('padding', this.#padding)
  }

  #takeWhole(state: 'header' | 'extension' | 'end', bytes: Buffer): void {
    if (state === 'extension') {
      this.#takeExtension(bytes)
      this.#expect('padding', this.#padding)
      return
    }
    this.#headerAt = this.#position - blockSize
    this.#name = this.#extendedName()
    if (state === 'end') {
      if (!isZeroBlock(bytes)) this.#refuse('ERR_ARCHIVE_FORMAT', 'a single block of zeros')
      this.#state = 'ended'
    } else if (isZeroBlock(bytes)) {
      if (this.#hasExtension()) this.#refuse('ERR_ARCHIVE_FORMAT', 'an extended header without an entry')
      this.#expect('end', blockSize)
    } else {
      this.#takeHeader(bytes)
    }
  }

  #takeHeader(block: Buffer): void {
    if (!hasRightChecksum(block)) this.#refuse('ERR_ARCHIVE_FORMAT', 'a header with a wrong checksum')
    const flag = String.fromCharCode(block[typeOffset] ?? 0)
    if (extensions.includes(flag) || flag === globalHeader) {
      this.#beginExtension(block, flag)
      return
    }
    this.#name ??= decodeName(block)
    if (flag === 'S') return this.#refuse('ERR_ARCHIVE_UNSUPPORTED', sparseOld)
    const type = types[flag]
    if (type === undefined) return this.#refuse('ERR_ARCHIVE_UNSUPPORTED', `the type ${JSON.stringify(flag)}`)
    const head = this.#describe(block, type, decodeNumbers(block, type, this.#refuse))
    if (this.#entries >= this.#limits.entries) {
      this.#refuse('ERR_ARCHIVE_LIMIT', `more than ${this.#limits.entries} entries`)
    }
    this.#begin('body', head.size)
    this.#entries++
    this.#pax = this.#longName = this.#longLink = undefined
    this.#output.entry(head)
  }

  /** Both kinds of what follows a header: it has `size` bytes, and is padded. */
  #begin(state: 'body' | 'extension', size: number): void {
    if (this.#position + size > this.#limits.bytes) {
      this.#refuse('ERR_ARCHIVE_LIMIT', `an archive of more than ${this.#limits.bytes} bytes`)
    }
    this.#padding = paddingOf(size)
    this.#expect(state, size)
  }

  #beginExtension(block: Buffer, flag: string): void {
    const size = decodeSize(block, this.#refuse)
    const most = this.#limits.extendedHeader
    if (size > most) this.#refuse('ERR_ARCHIVE_LIMIT', `an extended header of more than ${most} bytes`)
    const second = { x: this.#pax, L: this.#longName, K: this.#longLink }[flag]
    if (second !== undefined) this.#refuse('ERR_ARCHIVE_FORMAT', `two headers ${flag} for one entry`)
    if (flag === globalHeader && this.#hasExtension()) {
      this.#refuse('ERR_ARCHIVE_FORMAT', 'a global header between an extended header and its entry')
    }
    this.#extension = flag
    if (size === 0) this.#takeExtension(Buffer.alloc(0))
    this.#begin('extension', size)
  }

  #takeExtension(body: Buffer): void {
    switch (this.#extension) {
      case 'x':
        this.#pax = this.#parsePax(body, false)
        break
      case 'L':
        this.#longName = this.#longText(body)
        break
      case 'K':
        this.#longLink = this.#longText(body)
        break
      default:
        // Of no use for a layer: nothing that is kept of an entry may come from elsewhere.
        this.#parsePax(body, true)
    }
  }

  #parsePax(body: Buffer, global: boolean): PaxAttributes {
    return parsePax(body, { limits: this.#limits, refuse: this.#refuse, global })
  }

  #longText(body: Buffer): Buffer {
    const end = body.indexOf(0)
    if (end === -1) return Buffer.from(body)
    if (body.subarray(end).some((byte) => byte !== 0)) {
      this.#refuse('ERR_ARCHIVE_FORMAT', 'a long name with more behind its end')
    }
    return Buffer.from(body.subarray(0, end))
  }

  #extendedName(): Buffer | undefined {
    return this.#pax?.path ?? this.#longName
  }

  #hasExtension(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined
  }

  /** Header and extended headers taken together. */
  #describe(block: Buffer, declared: EntryType, numbers: HeaderNumbers): EntryHead {
    const pax = this.#pax ?? { xattrs: new Map<string, Buffer>() }
    const name = this.#one(pax.path, this.#longName, 'names') ?? this.#name ?? decodeName(block)
    if (name.length === 0) this.#refuse('ERR_ARCHIVE_FORMAT', 'an entry without a name')
    const type = declared === 'file' && name.at(-1) === slash ? 'directory' : declared
    const longLink = this.#one(pax.linkpath, this.#longLink, 'link names')
    const isLink = type === 'link' || type === 'symlink'
    const linkname = isLink ? (longLink ?? decodeText(block, fields.linkname)) : undefined
    if (linkname?.length === 0) this.#refuse('ERR_ARCHIVE_FORMAT', 'a link without a target')
    const size = pax.size ?? numbers.size
    // Some readers skip such a body, and some take it for headers.
    if (type !== 'file' && (size !== 0 || numbers.size !== 0)) {
      this.#refuse('ERR_ARCHIVE_FORMAT', `a ${type} with a body`)
    }
    this.#checkLengths(name, linkname)
    return {
      ...numbers,
      name,
      type,
      size,
      uid: pax.uid ?? numbers.uid,
      gid: pax.gid ?? numbers.gid,
      mtime: pax.mtime ?? numbers.mtime,
      linkname,
      xattrs: pax.xattrs,
    }
  }

  /** Of PAX and GNU tar's own header the one that is there: of both, readers choose differently. */
  #one(pax: Buffer | undefined, gnu: Buffer | undefined, what: string): Buffer | undefined {
    if (pax !== undefined && gnu !== undefined) {
      this.#refuse('ERR_ARCHIVE_FORMAT', `two long ${what}, of PAX and of GNU tar`)
    }
    return pax ?? gnu
  }

  #checkLengths(name: Buffer, linkname: Buffer | undefined): void {
    const { path, component } = this.#limits
    if (name.length > path) this.#refuse('ERR_ARCHIVE_LIMIT', `a name of more than ${path} bytes`)
    for (let begin = 0; begin <= name.length;) {
      const slashAt = name.indexOf(slash, begin)
      const end = slashAt === -1 ? name.length : slashAt
      // The limit of a whiteout is that of the name that it takes away.
      const whiteout = slashAt === -1 && whiteoutPrefix.equals(name.subarray(begin, begin + 4))
      if (end - begin > component + (whiteout ? whiteoutPrefix.length : 0)) {
        this.#refuse('ERR_ARCHIVE_LIMIT', `a part of a name of more than ${component} bytes`)
      }
      begin = end + 1
    }
    if (linkname !== undefined && linkname.length > path) {
      this.#refuse('ERR_ARCHIVE_LIMIT', `a link name of more than ${path} bytes`)
    }
  }

  readonly #refuse: Refuse = (code: ArchiveErrorCode, what: string) => {
    const inBody = this.#state === 'body' || this.#state === 'padding'
    const number = inBody ? this.#entries : this.#entries + 1
    const name = this.#name === undefined ? '' : ` ${quote(this.#name)}`
    throw new GraphDriverError(code, `${what}, in entry ${number}${name} at byte ${this.#headerAt}`)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

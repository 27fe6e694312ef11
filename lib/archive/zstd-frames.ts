const frameMagic = 0xfd2fb528
/** 16 magics, for frames that decoders skip. */
const skippableMagic = 0x184d2a50
const contentSizes = [0, 2, 4, 8]
const dictionarySizes = [0, 1, 2, 4]
const rle = 1
const reserved = 3

type Part = 'magic' | 'descriptor' | 'block' | 'skippable' | 'bytes'

/**
 * Follows zstd frames (RFC 8878) from outside. Node's decompressor ends a stream that was cut without a word: here is
 * known whether it ended where it may.
 */
export class ZstdFrames {
  #part: Part = 'magic'
  /** Bytes of the part that are still to come, and those of a number that are there. */
  #missing = 4
  #value = 0
  #read = 0
  /** What follows the bytes that nobody looks at. */
  #next: Part = 'magic'
  #checksum = 0

  /** Nothing has begun that is not whole. */
  get whole(): boolean {
    return this.#part === 'magic' && this.#missing === 4
  }

  /** Answers false when no zstd encoder writes this. */
  push(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.#part === 'bytes') {
        const passed = Math.min(this.#missing, chunk.length - at)
        at += passed
        this.#missing -= passed
      } else {
        this.#value += (chunk[at++] ?? 0) * 256 ** this.#read++
        this.#missing--
      }
      if (this.#missing === 0 && !this.#takePart(this.#value)) return false
    }
    return true
  }

  #takePart(value: number): boolean {
    switch (this.#part) {
      case 'magic':
        if (value === frameMagic) return this.#expect('descriptor', 1)
        return value >= skippableMagic && value < skippableMagic + 16 && this.#expect('skippable', 4)
      case 'skippable':
        return this.#pass(value, 'magic')
      case 'descriptor': {
        const single = (value >> 5) & 1
        this.#checksum = value & 4
        const content = value >> 6 === 0 ? single : (contentSizes[value >> 6] ?? 0)
        return this.#pass(1 - single + (dictionarySizes[value & 3] ?? 0) + content, 'block')
      }
      case 'block': {
        const kind = (value >> 1) & 3
        const size = kind === rle ? 1 : value >> 3
        const last = (value & 1) === 1
        return kind !== reserved && this.#pass(last ? size + this.#checksum : size, last ? 'magic' : 'block')
      }
      case 'bytes':
        return this.#expect(this.#next, sizeOf(this.#next))
    }
  }

  #pass(bytes: number, next: Part): boolean {
    if (bytes === 0) return this.#expect(next, sizeOf(next))
    this.#next = next
    return this.#expect('bytes', bytes)
  }

  #expect(part: Part, bytes: number): boolean {
    this.#part = part
    this.#missing = bytes
    this.#value = this.#read = 0
    return true
  }
}

function sizeOf(part: Part): number {
  return part === 'block' ? 3 : 4
}

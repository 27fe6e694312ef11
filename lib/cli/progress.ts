import type { Progress } from '../index.ts'
import { count, formatBytes, formatSeconds } from './format.ts'
import { columnsOf } from './terminal.ts'
import { cut } from './width.ts'

/** How far long work is. */
export interface Measure {
  /** What is done, and of how much, where that is known: bytes or things. */
  readonly done: number
  readonly of: number | undefined
  /** What is done in words; the rate is of `done`. */
  readonly words: string
  /** Bytes are told as such. */
  readonly unit: 'bytes' | 'layers'
}

const BAR = 20

/** One line about long work: `apply app  ██████░░░░  12 MiB, 340 entries  40 MiB/s  3 s left`. */
export function progressLine(title: string, measure: Measure, seconds: number, columns: number): string {
  const { done, of, words, unit } = measure
  const rate = seconds > 0.2 ? done / seconds : 0
  const parts = [words]
  if (of !== undefined && of > 0) parts.unshift(bar(Math.min(done / of, 1)))
  if (rate > 0) parts.push(unit === 'bytes' ? `${formatBytes(rate)}/s` : `${rate.toFixed(1)} layers/s`)
  if (of !== undefined && rate > 0 && of >= done) parts.push(`${formatSeconds((of - done) / rate)} left`)
  const line = `${title}  ${parts.join('  ')}`
  // A line that is broken could not be overwritten.
  return cut(line, columns - 1)
}

function bar(share: number): string {
  const full = Math.round(share * BAR)
  return `${'█'.repeat(full)}${'░'.repeat(BAR - full)} ${String(Math.floor(share * 100)).padStart(3)}%`
}

/** A tar's progress as a measure. */
export function measureTar({ bytes, entries }: Progress, of?: number): Measure {
  const words = `${formatBytes(bytes)}, ${count(entries, 'entry', 'entries')}`
  return { done: bytes, of, words, unit: 'bytes' }
}

/** The terminal that a line is written to. */
export interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** A line on the standard error that tells how far long work is; nothing where that is no terminal. */
export class ProgressBar {
  readonly #screen: Screen
  readonly #title: string
  readonly #began = performance.now()
  #shown = false

  constructor(screen: Screen, title: string) {
    this.#screen = screen
    this.#title = title
  }

  /** Undefined where nobody would see it: then nobody need ask. */
  get update(): ((measure: Measure) => void) | undefined {
    if (this.#screen.isTTY !== true) return undefined
    return (measure) => {
      const seconds = (performance.now() - this.#began) / 1000
      const line = progressLine(this.#title, measure, seconds, columnsOf(this.#screen))
      // To the line's start, the line, and what is left of the one before is erased.
      this.#screen.write(`\r${line}\x1b[K`)
      this.#shown = true
    }
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown) this.#screen.write('\r\x1b[K')
    this.#shown = false
  }
}

import { MS_BIND, MS_REC } from '../sys/index.ts'
import { invalidType, invalidValue } from '../sys/arguments.ts'
import { filesystemWords, mountWords, programWords, propagationWords } from './words.ts'
import type { WordEffect } from './words.ts'

/** MOUNT_ATTR_* to clear, and then to set. */
export interface AttributeChange {
  readonly set: bigint
  readonly clear: bigint
}

/** Options of mount(8), sorted by who takes them. */
export interface ParsedOptions {
  /** MS_* of mount(2), without propagation. */
  readonly flags: number
  /** What is left: the filesystem's own options, in order. */
  readonly data: readonly string[]
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, each with or without MS_REC: a call each, in order. */
  readonly propagation: readonly number[]
  /** The same flags for mount_setattr(2): only what the words name. */
  readonly attributes: AttributeChange
  /** What the recursive words (`rro`, `rnosuid`, …) name: for mount_setattr(2) with AT_RECURSIVE. */
  readonly recursive: AttributeChange
}

const noChange: AttributeChange = { set: 0n, clear: 0n }

/** Words that stand for others, as in mount(8): whoever may mount for himself shall not become somebody else by it. */
const shorthands: ReadonlyMap<string, readonly string[]> = new Map([
  ['defaults', ['rw', 'suid', 'dev', 'exec', 'async']],
  ['user', ['noexec', 'nosuid', 'nodev']],
  ['users', ['noexec', 'nosuid', 'nodev']],
  ['owner', ['nosuid', 'nodev']],
  ['group', ['nosuid', 'nodev']],
])

function change(before: AttributeChange, effect: WordEffect): AttributeChange {
  if (effect.attributes === undefined) return before
  const set = BigInt(effect.attributes.set)
  const clear = BigInt(effect.attributes.clear)
  return { set: (before.set & ~clear) | set, clear: (before.clear & ~set) | clear }
}

function spellOut(word: unknown): readonly string[] {
  if (typeof word !== 'string') throw invalidType('option', 'of type string', word)
  return shorthands.get(word) ?? [word]
}

/** The effect of a word such as `rro` or `rnosuid`, as the OCI runtime specification has them. */
function recursiveEffect(word: string): WordEffect | undefined {
  const effect = word.startsWith('r') ? mountWords.get(word.slice(1)) : undefined
  return effect?.attributes && effect
}

/**
 * Sorts options as mount(8) takes them: flags of the mount and of the call, propagation, and what is the filesystem's own.
 * A later word wins over an earlier one. `defaults` stands for rw, suid, dev, exec, async; `user` and `users` for noexec, nosuid,
 * nodev; `owner` and `group` for nosuid, nodev. Words that are only
 * for programs (`noauto`, `x-…`, `comment=…`) are left out.
 *
 * @param options words, or one text with commas between them.
 * @throws TypeError ERR_INVALID_ARG_VALUE for an empty word, a NUL, or a comma in a word that is neither escaped nor quoted.
 */
export function parseOptions(options: string | readonly string[]): ParsedOptions {
  const words = typeof options === 'string' ? splitOptions(options) : options
  if (!Array.isArray(words)) throw invalidType('options', 'of type string or an instance of Array', options)
  let flags = 0
  let attributes = noChange
  let recursive = noChange
  const data: string[] = []
  const propagation: number[] = []
  for (const word of words.flatMap(spellOut)) {
    const spread = propagationWords.get(word)
    const effect = mountWords.get(word) ?? filesystemWords.get(word)
    const tree = recursiveEffect(word)
    if (spread !== undefined) propagation.push(spread)
    else if (effect !== undefined) {
      flags = (flags & ~(effect.clear ?? 0)) | (effect.set ?? 0)
      attributes = change(attributes, effect)
    } else if (tree !== undefined) recursive = change(recursive, tree)
    else if (!isProgramWord(word)) data.push(checkWord(word))
  }
  return { flags: flags >>> 0, data, propagation, attributes, recursive }
}

function isProgramWord(word: string): boolean {
  return programWords.has(word) || /^(?:[xX]-|comment=)/.test(word)
}

/**
 * The words of flags, in a fixed order; the inverse of {@link parseOptions}. MS_BIND and MS_REC together are `rbind`.
 *
 * @param flags MS_*.
 * @throws TypeError ERR_INVALID_ARG_VALUE for a flag that has no word.
 */
export function flagWords(flags: number): string[] {
  const words: string[] = []
  let left = flags
  const take = (word: string, bits: number): void => {
    if (bits === 0 || (left & bits) !== bits) return
    words.push(word)
    left &= ~bits
  }
  take('rbind', MS_BIND | MS_REC)
  for (const [word, bits] of propagationWords) if (bits & MS_REC) take(word, bits)
  for (const [word, bits] of propagationWords) take(word, bits)
  for (const [word, { set = 0 }] of filesystemWords) if (word !== 'rbind') take(word, set)
  for (const [word, { set = 0 }] of mountWords) take(word, set)
  if (left !== 0) throw invalidValue('flags', 'holds a flag that no word stands for', flags)
  return words
}

/** Every word of what {@link parseOptions} sorted; parsing them again gives the same. */
export function optionWords(parsed: Pick<ParsedOptions, 'flags' | 'data' | 'propagation'>): string[] {
  return [...flagWords(parsed.flags), ...parsed.propagation.flatMap(flagWords), ...parsed.data]
}

/**
 * Splits a text of options at its commas, but for those behind a backslash or between double quotes.
 * Empty words are left out.
 */
export function splitOptions(text: string): string[] {
  const words: string[] = []
  let start = 0
  const end = scan(text, (at) => {
    words.push(text.slice(start, at))
    start = at + 1
  })
  if (end === 'quoted') throw invalidValue('options', 'holds a quotation mark without its second', text)
  words.push(text.slice(start))
  return words.filter((word) => word !== '')
}

/** Walks over a text and tells of each bare comma; says whether it ended between quotes. */
function scan(text: string, comma: (at: number) => void): 'plain' | 'quoted' {
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at++
    else if (character === '"') quoted = !quoted
    else if (character === ',' && !quoted) comma(at)
  }
  return quoted ? 'quoted' : 'plain'
}

/** A word of mount data as it is, or a TypeError: a bare comma would end it early, and what follows would be another option. */
function checkWord(word: unknown): string {
  if (typeof word !== 'string') throw invalidType('option', 'of type string', word)
  if (word === '') throw invalidValue('option', 'must not be empty', word)
  if (word.includes('\0')) throw invalidValue('option', 'must not hold null bytes', word)
  const commas: number[] = []
  const end = scan(word, (at) => commas.push(at))
  if (commas.length > 0 || end === 'quoted') {
    throw invalidValue('option', 'must not hold a comma that is neither escaped nor quoted', word)
  }
  return word
}

/**
 * Joins words to the data of mount(2).
 *
 * @throws TypeError ERR_INVALID_ARG_VALUE as {@link parseOptions}.
 */
export function joinData(words: readonly string[]): string {
  return words.map(checkWord).join(',')
}

/**
 * Does this fit in the data of mount(2)? The kernel copies one page and ends it with a NUL, so it takes one byte less; it would cut
 * the rest silently.
 *
 * @param pageSize in bytes.
 */
export function pageFit(data: string | Uint8Array, pageSize: number): boolean {
  return (typeof data === 'string' ? Buffer.byteLength(data) : data.length) < pageSize
}

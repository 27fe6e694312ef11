import { join } from 'node:path'
import { checkInteger, checkPath } from './arguments.ts'
import { binding } from './binding.ts'
import { check } from './error.ts'
import { FirstLineField as Field, type FlatFirstLines, type Path } from './native.ts'

/**
 * The names in a directory that begin or end so; an empty word matches nothing. For directories of many names of which few matter: no
 * other one becomes a string.
 *
 * @throws SyscallError ENOENT, ENOTDIR (a link, too), EACCES, EMFILE
 */
export async function findNames(directory: Path, beginning: string, ending: string): Promise<string[]> {
  const path = checkPath(directory, 'directory')
  const found = check(await binding().findNames(path, beginning, ending), 'open', { path })
  return Buffer.from(found.buffer, found.byteOffset, found.byteLength)
    .toString('utf8')
    .split('\0')
    .slice(0, -1)
}

/**
 * Reads a small file, and the one beside it that its first line names, in one job. One character a byte (latin1).
 *
 * @param limit most bytes that either may have.
 * @returns the first one; and the other, if it is there and can be read.
 * @throws SyscallError of the first one: EFBIG (more bytes than `limit`), ELOOP (a link), ENOENT, EISDIR, EACCES
 */
export async function readPair(
  directory: string,
  name: string,
  limit: number,
): Promise<[text: string, next?: string]> {
  const answer = await binding().readPair(directory, name, checkInteger(limit, 'limit', 0, 0x7fffffff))
  const [text = '', next] = check(answer, 'open', { path: join(directory, name) })
  return next === undefined ? [text] : [text, next]
}

/**
 * Looks into every file of a directory, in one job. One that vanishes meanwhile is left out.
 *
 * @param limit a file of more bytes counts as one that could not be read, as does what is no plain file.
 * @throws SyscallError ENOENT, ENOTDIR (a link, too), EACCES, EMFILE
 */
export async function firstLines(directory: Path, limit: number): Promise<FirstLines> {
  const path = checkPath(directory, 'directory')
  const answer = await binding().firstLines(path, checkInteger(limit, 'limit', 0, 0x7fffffff))
  return new FirstLines(check(answer, 'open', { path }))
}

/** The files, in no order, each by its number: no text is made of one that nobody looks at. */
export class FirstLines {
  readonly length: number
  readonly #rows: Int32Array
  readonly #text: string

  constructor({ rows, text }: FlatFirstLines) {
    this.length = rows.length / Field.count
    this.#rows = rows
    this.#text = text
  }

  /** One character a byte (latin1). */
  name(file: number): string {
    return this.#text.slice(this.#number(file, Field.start), this.#number(file, Field.nameEnd))
  }
  /** The same; without its end, and cut to 256 bytes. */
  line(file: number): string {
    return this.#text.slice(this.#number(file, Field.nameEnd), this.#number(file, Field.lineEnd))
  }
  /** In bytes. */
  size(file: number): number {
    return this.#number(file, Field.size)
  }
  /** Of an empty file only. */
  mode(file: number): number {
    return this.#number(file, Field.mode)
  }
  /** It could not be read. */
  failed(file: number): boolean {
    return this.#number(file, Field.error) !== 0
  }
  /** Whether a file holds its first line, and then all that another one holds, as far as 64 bits of a sum tell. */
  continues(file: number, other: number): boolean {
    const line = this.#number(file, Field.lineEnd) - this.#number(file, Field.nameEnd)
    return (
      this.size(file) - line - 1 === this.size(other) &&
      this.#number(file, Field.sumBehind) === this.#number(other, Field.sum) &&
      this.#number(file, Field.sumBehind + 1) === this.#number(other, Field.sum + 1)
    )
  }

  #number(file: number, field: number): number {
    return this.#rows[file * Field.count + field] ?? 0
  }
}

import { getSystemErrorMap } from 'node:util'
import { CODES, type Explanation, NODE_CODES } from './codes.ts'
import { ERRNOS } from './errnos.ts'

/** A code or errno, and what is known of it. */
export interface Explained extends Explanation {
  readonly code: string
  /** Positive; of an errno. */
  readonly errno?: number
  /** What the C library says of an errno. */
  readonly meaning?: string
}

const OWN: ReadonlyMap<string, Explanation> = new Map(Object.entries({ ...CODES, ...NODE_CODES }))
const SYSTEM: ReadonlyMap<string, Explanation> = new Map(Object.entries(ERRNOS))

/** Names that Linux has for what Node calls otherwise. */
const ALIASES: Readonly<Record<string, string>> = { EOPNOTSUPP: 'ENOTSUP', EWOULDBLOCK: 'EAGAIN' }

/** What to do about a code; undefined where nothing is known. */
export function remedyOf(code: string): string | undefined {
  return (OWN.get(code) ?? SYSTEM.get(code))?.remedy
}

/** Explains a code (`ERR_LAYER_BUSY`) or an errno by name or number (`EBUSY`, `16`, `-16`); undefined for what is neither. */
export function explain(word: string): Explained | undefined {
  const code = word.toUpperCase()
  const own = OWN.get(code)
  if (own !== undefined) return { code, ...own }
  const found = /^-?\d+$/.test(word) ? byNumber(Math.abs(Number(word))) : byName(ALIASES[code] ?? code)
  if (found === undefined) return undefined
  const known = SYSTEM.get(found.code)
  return {
    ...found,
    cause: known?.cause ?? `The kernel says: ${found.meaning}.`,
    remedy:
      known?.remedy ??
      `errno(3) lists it, and the manual page of the system call that failed says when it comes.`,
  }
}

interface Errno {
  readonly code: string
  readonly errno: number
  readonly meaning: string
}

function byNumber(errno: number): Errno | undefined {
  const known = getSystemErrorMap().get(-errno)
  // libuv has numbers of its own above those of the kernel.
  return known === undefined || errno >= 4000 ? undefined : { code: known[0], errno, meaning: known[1] }
}

function byName(name: string): Errno | undefined {
  for (const [number, [code]] of getSystemErrorMap()) {
    if (code === name) return byNumber(-number)
  }
  return undefined
}

/** All that is explained, for the page of documentation. */
export function allExplained(): { own: Explained[]; node: Explained[]; system: Explained[] } {
  const list = (table: Readonly<Record<string, Explanation>>): Explained[] =>
    Object.keys(table).map((code) => explain(code) ?? { code, cause: '', remedy: '' })
  return { own: list(CODES), node: list(NODE_CODES), system: list(ERRNOS) }
}

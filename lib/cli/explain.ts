import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { errnoName, errnoWords } from '../sys/error.ts'
import { CODES, COMMAND_CODES, type Explanation, NODE_CODES } from './codes.ts'
import { ERRNOS } from './errnos.ts'

/** A code or errno, and what is known of it. */
export interface Explained extends Explanation {
  readonly code: string
  /** Positive; of an errno. */
  readonly errno?: number
  /** What the C library says of an errno. */
  readonly meaning?: string
}

const OWN: ReadonlyMap<string, Explanation> = new Map(
  Object.entries({ ...CODES, ...NODE_CODES, ...COMMAND_CODES }),
)
const SYSTEM: ReadonlyMap<string, Explanation> = new Map(Object.entries(ERRNOS))

/** Second names of a number, and those that Linux has for what Node.js calls otherwise. */
const ALIASES: Readonly<Record<string, string>> = {
  EDEADLOCK: 'EDEADLK',
  EOPNOTSUPP: 'ENOTSUP',
  EWOULDBLOCK: 'EAGAIN',
}

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
    cause: known?.cause ?? `The kernel says: ${found.meaning ?? found.code}.`,
    remedy:
      known?.remedy ??
      `errno(3) lists it, and the manual page of the system call that failed says when it comes.`,
  }
}

interface Errno {
  readonly code: string
  readonly errno: number
  readonly meaning?: string
}

/** The highest of Linux, EHWPOISON: asm-generic/errno.h. What is above is libuv's own. */
const MOST = 133

function byNumber(errno: number): Errno | undefined {
  const code = errno >= 1 && errno <= MOST ? nameOf(errno) : undefined
  if (code === undefined) return undefined
  const meaning = errnoWords(code, -errno)
  return { code, errno, ...(meaning !== undefined && { meaning }) }
}

/** The addon knows them all. This has to work without it, too, as far as Node.js knows them. */
function nameOf(errno: number): string | undefined {
  try {
    const name = errnoName(errno)
    return /^E\d+$/.test(name) ? undefined : name
  } catch {
    const known = Object.entries(constants.errno).find(
      ([name, value]) => value === errno && !(name in ALIASES),
    )
    return getSystemErrorMap().get(-errno)?.[0] ?? known?.[0]
  }
}

function byName(name: string): Errno | undefined {
  for (let errno = 1; errno <= MOST; errno++) if (nameOf(errno) === name) return byNumber(errno)
  return undefined
}

/** All that is explained, for the page of documentation. */
export function allExplained(): Record<'own' | 'node' | 'command' | 'system', Explained[]> {
  const list = (table: Readonly<Record<string, Explanation>>): Explained[] =>
    Object.keys(table).map((code) => {
      const explained = explain(code)
      if (explained === undefined) throw new Error(`${code} is explained, and known to nobody`)
      return explained
    })
  return { own: list(CODES), node: list(NODE_CODES), command: list(COMMAND_CODES), system: list(ERRNOS) }
}

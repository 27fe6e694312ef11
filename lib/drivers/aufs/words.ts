import type { AufsOptions } from './options.ts'

/** An option as the kernel spells it. */
interface Spelling {
  readonly key: keyof AufsOptions
  readonly word: string
  /** What the kernel does by itself: it is not shown among the options of a mount. Undefined: it never shows this one. */
  readonly common?: boolean | number | string
}

/** In the order in which they are written. */
const SPELLINGS: readonly Spelling[] = [
  { key: 'dio', word: 'dio', common: false },
  { key: 'dirperm1', word: 'dirperm1', common: false },
  { key: 'udba', word: 'udba', common: 'reval' },
  { key: 'plink', word: 'plink', common: true },
  { key: 'shwh', word: 'shwh', common: false },
  { key: 'truncXino', word: 'trunc_xino', common: false },
  { key: 'truncXib', word: 'trunc_xib' },
  { key: 'diropq', word: 'diropq', common: 'w' },
  { key: 'dirwh', word: 'dirwh', common: 3 },
  { key: 'create', word: 'create', common: 'tdp' },
  { key: 'cpup', word: 'cpup', common: 'tdp' },
  { key: 'warnPerm', word: 'warn_perm', common: true },
  { key: 'verbose', word: 'verbose', common: false },
  { key: 'sum', word: 'sum', common: false },
  { key: 'acl', word: 'acl' },
  { key: 'rdcache', word: 'rdcache', common: 10 },
  { key: 'rdblk', word: 'rdblk', common: 512 },
  { key: 'rdhash', word: 'rdhash', common: 32 },
]

function spell(word: string, value: boolean | number | string): string {
  if (value === 'weighted') return `w${word}`
  if (typeof value === 'boolean') return value ? word : `no${word}`
  return `${word}=${String(value)}`
}

/**
 * The options that are no paths, of one mount.
 *
 * @param readOnly only such a mount shows whiteouts.
 */
export function wordsOf(
  options: AufsOptions,
  features: { readonly dirperm1: boolean },
  readOnly = false,
): string[] {
  const given: AufsOptions = {
    ...options,
    dio: options.dio !== false,
    dirperm1: options.dirperm1 ?? features.dirperm1,
  }
  // What is off anyway is not said: older kernels do not know every word.
  if (!given.dio) delete given.dio
  if (!given.dirperm1) delete given.dirperm1
  if (given.plink) delete given.plink
  if (!given.shwh || !readOnly) delete given.shwh
  return SPELLINGS.flatMap(({ key, word }) => {
    const value = given[key]
    return value === undefined ? [] : [spell(word, value)]
  })
}

/**
 * How a mount that was found differs in its options from what was asked for by name, in words. What was not asked for may be as it is.
 *
 * @param shown the words of the mount table (aufs_show_options() in fs/aufs/super.c), which leaves out what is common.
 */
export function differentOption(
  options: AufsOptions,
  shown: readonly string[],
  readOnly: boolean,
): string | undefined {
  for (const { key, word, common } of SPELLINGS) {
    const asked = options[key]
    if (asked === undefined || common === undefined) continue
    const value = shownAs(key, asked, readOnly)
    const wanted = value === common ? undefined : spell(word, value)
    const there = shown.find((one) => one === word || one === `no${word}` || one.startsWith(`${word}=`))
    if (there !== wanted) return `it has ${there ?? `no ${word}`}, not ${wanted ?? `the common ${word}`}`
  }
  if (options.xino !== undefined && (options.xino === 'none') !== shown.includes('noxino')) {
    return shown.includes('noxino') ? 'it has no xino' : 'it has a xino'
  }
  return undefined
}

/** The kernel does not show `wsum`, and one letter of `diropq`. */
function shownAs(
  key: keyof AufsOptions,
  value: boolean | number | string,
  readOnly: boolean,
): boolean | number | string {
  if (key === 'shwh') return value === true && readOnly
  // wsum takes the flag of sum away.
  if (value === 'weighted') return false
  return key === 'diropq' && typeof value === 'string' ? value.slice(0, 1) : value
}

import { checkOptions, invalidType, invalidValue, outOfRange } from '../sys/arguments.ts'

/**
 * How much an archive may ask for before it is refused with ERR_ARCHIVE_LIMIT. Whole numbers, or Infinity for no limit.
 */
export interface ArchiveLimits {
  /** Entries. 10,000,000. */
  entries?: number | undefined
  /** Bytes of the tar, after decompression; what is behind its end counts. No limit. */
  bytes?: number | undefined
  /** Bytes of one extended header: PAX, or a long name of GNU tar. 1 MiB. */
  extendedHeader?: number | undefined
  /** Records of one PAX header. 4096. */
  paxRecords?: number | undefined
  /** Extended attributes of one entry. 128. */
  xattrs?: number | undefined
  /** Bytes of an extended attribute's name: 255, as in the kernel (XATTR_NAME_MAX). */
  xattrName?: number | undefined
  /** Bytes of an extended attribute's value: 65,536, as in the kernel (XATTR_SIZE_MAX). */
  xattrValue?: number | undefined
  /** Bytes of a whole name, and of a link's target: 4095, as in the kernel (PATH_MAX with its NUL). */
  path?: number | undefined
  /** Bytes of each part of a name: 255, as in the kernel (NAME_MAX). */
  component?: number | undefined
  /**
   * Bytes that one compressed byte may become, on the average, looked at from the second GiB on: who cannot spare one says so by `bytes`.
   * 1000.
   */
  ratio?: number | undefined
}

/** Every limit has its number. */
export type ResolvedLimits = Readonly<Record<keyof ArchiveLimits, number>>

const defaults: ResolvedLimits = {
  entries: 10_000_000,
  bytes: Infinity,
  extendedHeader: 1024 * 1024,
  paxRecords: 4096,
  xattrs: 128,
  xattrName: 255,
  xattrValue: 65_536,
  path: 4095,
  component: 255,
  ratio: 1000,
}

const names = Object.keys(defaults).join(', ')

/**
 * Puts the defaults where nothing is said. A name that is no limit's is refused: one that was mistyped would bound nothing.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE
 */
export function resolveLimits(limits: ArchiveLimits | undefined): ResolvedLimits {
  const given = checkOptions(limits, 'options.limits')
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(defaults, key))
  if (unknown !== undefined)
    throw invalidValue('options.limits', `must hold no other names than ${names}`, unknown)
  const resolved: Record<keyof ArchiveLimits, number> = { ...defaults }
  for (const key of Object.keys(defaults) as (keyof ArchiveLimits)[]) {
    const value: unknown = given[key]
    if (value !== undefined) resolved[key] = checkLimit(value, `options.limits.${key}`)
  }
  return resolved
}

function checkLimit(value: unknown, name: string): number {
  if (typeof value !== 'number') throw invalidType(name, 'of type number', value)
  if (value === Infinity || (Number.isSafeInteger(value) && value >= 0)) return value
  throw outOfRange(name, 'an integer >= 0, or Infinity', value)
}

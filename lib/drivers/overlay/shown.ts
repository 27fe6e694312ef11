import { escapeUpperdir } from '../../mount/index.ts'
import { type MountinfoEntry, unescapeBytes } from '../../sys/index.ts'

const UPPER = 'upperdir='

/** What a mount table says of an overlay. */
export interface Shown {
  readonly readOnly: boolean
  /** Undefined for one without an upper directory. */
  readonly upper: string | undefined
  readonly label: string | undefined
}

/** Reads the options of an overlay. A comma in a value is written as an escape, so bare ones separate (seq_show_option()). */
export function shownOptions({ superOptions }: MountinfoEntry): Shown {
  const words = superOptions.split(',')
  const upper = words.find((word) => word.startsWith(UPPER))?.slice(UPPER.length)
  // A security module writes for itself: between quotes, commas are part of the value.
  const label = /(?:^|,)context=(?:"([^"]*)"|([^,]*))/.exec(superOptions)
  return {
    readOnly: words[0] === 'ro',
    upper: upper === undefined ? undefined : Buffer.from(unescapeBytes(upper), 'latin1').toString(),
    label: label?.[1] ?? label?.[2],
  }
}

/** Whether an upper directory is this one: the kernel shows it as it was given, escaped, or resolved from a descriptor. */
export function isUpper({ upper }: Shown, directory: string): boolean {
  return upper === directory || upper === escapeUpperdir(directory)
}

/** Whether an upper directory was given as a number below /proc/self/fd, which says nothing afterwards. */
export function isNumbered({ upper }: Shown): boolean {
  return upper !== undefined && /^\d+$/.test(upper)
}

import { invalidValue } from '../sys/arguments.ts'

/**
 * How overlay reads paths (fs/overlayfs/params.c). In `lowerdir` a colon separates, and a backslash makes the next
 * character an ordinary one; in `upperdir` and `workdir` there is only the backslash. mount(2) splits at commas
 * first, and leaves those behind a backslash alone. `lowerdir+` takes a path as it is.
 */

function checkNul(path: string): string {
  if (path === '' || path.includes('\0')) {
    throw invalidValue('path', 'must be a string that is not empty and holds no null bytes', path)
  }
  return path
}

/** A path as one part of overlay's `lowerdir`: backslash, colon and comma escaped. */
export function escapeLowerdir(path: string): string {
  // A union may have hundreds of paths, and hardly ever one with such a character: to look is quicker than to replace.
  return /[\\:,]/.test(checkNul(path)) ? path.replace(/[\\:,]/g, '\\$&') : path
}

/** A path as overlay's `upperdir` or `workdir`: backslash and comma escaped. */
export function escapeUpperdir(path: string): string {
  return checkNul(path).replace(/[\\,]/g, '\\$&')
}

/**
 * The value of overlay's `lowerdir`.
 *
 * @param paths the topmost first.
 */
export function joinLowerdirs(paths: readonly string[]): string {
  return paths.map(escapeLowerdir).join(':')
}

/** The paths of overlay's `lowerdir`, escapes undone: the inverse of {@link joinLowerdirs}. */
export function splitLowerdirs(value: string): string[] {
  const parts = value.match(/(?:\\.|[^:\\])+/gsu) ?? []
  return parts.map((part) => part.replace(/\\(.)/gsu, '$1'))
}

import { release } from 'node:os'
import { type Body, itUnless } from '../skip.ts'

/** The kernel that has overlay's `lowerdir+`. */
export const LOWERDIR_PLUS = '6.7'

/** Is this kernel of a version or newer? */
export function isSince(version: string): boolean {
  const [ours, wanted] = [release(), version].map((text) => text.split('.').map((part) => parseInt(part, 10)))
  const [major, minor] = [ours![0]! - wanted![0]!, ours![1]! - wanted![1]!]
  return major > 0 || (major === 0 && minor >= 0)
}

/** A case that needs a newer kernel is skipped on an older one, and its title says so. */
export function itSince(version: string, title: string, body: Body): void {
  itUnless(isSince(version) ? undefined : `needs Linux ${version}`, title, body)
}

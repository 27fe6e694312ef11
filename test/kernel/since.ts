import { release } from 'node:os'

/** The kernel that has overlay's `lowerdir+`. */
export const LOWERDIR_PLUS = '6.7'

/** A case that needs a newer kernel is skipped on an older one, and its title says so. */
export function itSince(version: string, title: string, body: () => Promise<void>): void {
  const [ours, wanted] = [release(), version].map((text) => text.split('.').map((part) => parseInt(part, 10)))
  const [major, minor] = [ours![0]! - wanted![0]!, ours![1]! - wanted![1]!]
  if (major > 0 || (major === 0 && minor >= 0)) it(title, body)
  else it.skip(`${title}: needs Linux ${version}`)
}

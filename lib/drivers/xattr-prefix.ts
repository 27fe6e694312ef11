import { codeOf, type XattrPrefix } from '../store/index.ts'
import { setxattr } from '../sys/index.ts'

/** trusted.* where this process may write it, else user.*; undefined where the filesystem has neither. */
export async function xattrPrefix(
  directory: string,
  wanted: XattrPrefix | null,
): Promise<XattrPrefix | undefined> {
  for (const prefix of wanted === 'user' ? (['user'] as const) : (['trusted', 'user'] as const)) {
    try {
      await setxattr(directory, `${prefix}.overlay.probe`, Buffer.from('y'))
      return prefix
    } catch (error) {
      if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'ENOTSUP') throw error
    }
  }
  return undefined
}

import type { Mount } from '../index.ts'

/** Blanks, tabs, line ends and backslashes in a field of fstab(5), as getmntent(3) reads them. */
function fstabField(text: string): string {
  return text.replace(
    /[ \t\n\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )
}

/** Lines of fstab(5): not mounted at boot by itself, never checked. Undefined where one line cannot say it. */
export function fstabLines(mounts: readonly Mount[], target: string): string[] | undefined {
  if (mounts.some(({ options }) => options.includes('remount'))) return undefined
  return mounts.map((mount) => {
    const options = ['noauto', ...mount.options].join(',')
    const fields = [mount.source, mount.target ?? target, mount.type, options].map(fstabField)
    return [...fields, '0', '0'].join(' ')
  })
}

/** Command lines of mount(8) for a POSIX shell. */
export function mountCommands(mounts: readonly Mount[], target: string): string[] {
  return mounts.map((mount) => {
    const bind = mount.type === 'bind'
    const type = bind ? [] : ['-t', mount.type]
    const options = mount.options.length === 0 ? [] : ['-o', mount.options.join(',')]
    const words = ['mount', ...type, ...options, mount.source, mount.target ?? target]
    return words.map(shellWord).join(' ')
  })
}

/** Mounts as containerd's API has them (api/types/mount.proto). */
export function containerdJson(mounts: readonly Mount[]): string {
  const plain = mounts.map(({ type, source, target = '', options }) => ({ type, source, target, options }))
  return JSON.stringify(plain, undefined, 2)
}

/** A word as a shell takes it unchanged. */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  return `'${word.replaceAll("'", "'\\''")}'`
}

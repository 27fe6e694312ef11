import { execFileSync } from 'node:child_process'
import { mkdirSync, rmdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'

/** Three branches, an empty mount point and a directory for the table, all good: what a refusal spoils. */
export interface Place {
  readonly at: (...names: string[]) => string
  readonly paths: string[]
  readonly xino: string
  /** Makes a filesystem in a file, and mounts it by a loop device. */
  readonly mountImage: (image: string, target: string) => void
}

/** One way to be refused by every kernel with aufs: the errno, and what has to be said of it. */
export interface Refused {
  readonly title: string
  readonly code: string
  readonly words: RegExp
  readonly prepare?: (place: Place) => void
  readonly label?: string
}

/** By mke2fs(8) and mount(8). */
function mountImage(image: string, target: string): void {
  writeFileSync(image, '')
  truncateSync(image, 4 << 20)
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', image])
  execFileSync('mount', ['-o', 'loop', image, target])
}

/** Makes the place; a double says how it mounts images. */
export function makePlace(at: Place['at'], mount: Place['mountImage'] = mountImage): Place {
  const paths = [at('rw'), at('ro1'), at('ro2')]
  for (const path of [...paths, at('union'), at('xino')]) mkdirSync(path)
  return { at, paths, xino: at('xino', 'table'), mountImage: mount }
}

export const refusals: readonly Refused[] = [
  {
    title: 'a branch that is missing',
    code: 'EINVAL',
    prepare: ({ at }) => {
      rmdirSync(at('ro2'))
    },
    words: /the branch .*ro2 cannot be used: ENOENT/,
  },
  {
    title: 'a branch that is no directory',
    code: 'EINVAL',
    prepare: ({ at }) => {
      rmdirSync(at('ro1'))
      writeFileSync(at('ro1'), '')
    },
    words: /the branch .*ro1 is no directory/,
  },
  {
    title: 'a branch that is there twice',
    code: 'EINVAL',
    prepare: ({ at, paths }) => {
      paths.push(at('ro1'))
    },
    words: /the branch .*ro1 is there twice/,
  },
  {
    title: 'a branch inside another',
    code: 'EINVAL',
    prepare: ({ at, paths }) => {
      mkdirSync(at('ro1', 'inner', 'deep'), { recursive: true })
      mkdirSync(at('ro1-'))
      paths.push(at('ro1-'), at('ro1', 'inner', 'deep'))
    },
    words: /the branch .*ro1\/inner\/deep lies inside the branch .*ro1(?!-)/,
  },
  {
    title: 'a xino file that is there',
    code: 'EEXIST',
    prepare: ({ xino }) => {
      writeFileSync(xino, '')
    },
    words: /the xino file .*xino\/table is there already/,
  },
  {
    title: 'a xino directory that is missing',
    code: 'ENOENT',
    prepare: ({ at }) => {
      rmdirSync(at('xino'))
    },
    words: /the directory of the xino file, .*xino, is not there/,
  },
  {
    title: "something of another kind in place of aufs's own file",
    code: 'EINVAL',
    prepare: ({ at }) => {
      symlinkSync('/etc/passwd', at('rw', '.wh..wh.aufs'))
    },
    words: /rw\/\.wh\.\.wh\.aufs is in the way: aufs wants a file/,
  },
  ...['.wh..wh.plnk', '.wh..wh.orph'].map((name): Refused => ({
    title: `a file in place of ${name}`,
    code: 'EINVAL',
    prepare: ({ at }) => {
      writeFileSync(at('rw', name), '')
    },
    words: new RegExp(`rw/${name.replaceAll('.', '\\.')} is in the way: aufs wants a directory`),
  })),
  {
    title: 'a mount label without SELinux, or without a policy that knows it',
    code: 'EINVAL',
    label: 'nobody_u:object_r:nothing_t:s0',
    words: /the mount label nobody_u:object_r:nothing_t:s0 was given \(context=\), .*SELinux/,
  },
]

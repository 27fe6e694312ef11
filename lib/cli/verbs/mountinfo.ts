import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { list } from '../../mount/index.ts'
import { unless } from '../../store/index.ts'
import { printable } from '../format.ts'
import { table } from '../table.ts'
import { paint } from '../terminal.ts'
import type { Verb } from '../verb.ts'

export const mountinfo: Verb = {
  name: 'mountinfo',
  summary: 'list the mounts of this mount namespace',
  details: ['As the kernel has them (proc_pid_mountinfo(5)), in its order.'],
  arguments: [{ name: '[path]', summary: 'only what is mounted there or below', kind: 'directory' }],
  shape:
    '{ mounts: { id, parent, major, minor, root, mountPoint, options, propagation, type, source, superOptions }[] }; bytes that are no UTF-8 are in …Bytes, base64',
  looksOnly: true,
  async run(input) {
    const path = input.maybe('path')
    const entries = await list(path === undefined ? {} : { prefix: await withoutLinks(resolve(path)) })
    return {
      data: { mounts: entries },
      text: (terminal) => {
        const head = ['TARGET', 'TYPE', 'SOURCE', 'OPTIONS'].map((word) => paint(terminal, 'bold', word))
        const rows = entries.map((entry) => [
          printable(entry.mountPoint, entry.mountPointBytes),
          entry.type,
          printable(entry.source, entry.sourceBytes),
          entry.options,
        ])
        return table([head, ...rows], terminal)
      },
    }
  },
}

/** The kernel names no links; what is not there has nothing mounted on it. */
async function withoutLinks(path: string): Promise<string> {
  return unless(realpath(path), ['ENOENT', 'ENOTDIR'], path)
}

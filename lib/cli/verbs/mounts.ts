import { join, resolve } from 'node:path'
import type { Mount } from '../../index.ts'
import { UsageError } from '../usage.ts'
import { containerdJson, fstabLines, mountCommands } from '../mount-text.ts'
import type { Verb } from '../verb.ts'
import { LABEL, LAYER } from '../words.ts'

const FORMS = ['command', 'fstab', 'containerd'] as const

export const mounts: Verb = {
  name: 'mounts',
  summary: 'print the mount of a layer as data, and mount nothing',
  details: [
    'For those who mount by themselves. The forms are a `mount` command line (the default), a line of fstab(5), and the JSON of containerd’s mounts.',
  ],
  arguments: [LAYER],
  options: [
    { flags: '-f, --format <form>', summary: 'how it is written', choices: FORMS },
    { flags: '-r, --read-only', summary: 'as a mount that cannot be written through' },
    {
      flags: '-t, --target <directory>',
      summary: 'where it would be mounted; mnt/ID of the store',
      kind: 'directory',
    },
    LABEL,
  ],
  shape:
    '{ id, target, mounts: { type, source, target?, options: string[] }[], command: string[], fstab?: string[] }',
  examples: [{ command: 'graphdriver mounts app --format fstab', says: 'a line for /etc/fstab' }],
  looksOnly: true,
  async run(input, context) {
    const id = input.word('id')
    await using driver = await context.look()
    const found = await driver.mounts(id, {
      readOnly: input.on('readOnly'),
      signal: context.signal,
      ...input.given({ mountLabel: 'label' }),
    })
    const target = resolve(input.maybe('target') ?? join(driver.root, 'mnt', id))
    const form = FORMS.find((one) => one === input.maybe('format')) ?? 'command'
    const fstab = fstabLines(found, target)
    return {
      data: { id, target, mounts: found, command: mountCommands(found, target), ...(fstab && { fstab }) },
      text: () => render(form, found, target),
    }
  },
}

function render(form: (typeof FORMS)[number], found: readonly Mount[], target: string): string {
  if (form === 'containerd') return containerdJson(found)
  if (form === 'command') return mountCommands(found, target).join('\n')
  const lines = fstabLines(found, target)
  if (lines === undefined) {
    throw new UsageError('this mount takes several calls, and fstab has one a line: use --format command')
  }
  return lines.join('\n')
}

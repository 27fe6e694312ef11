import { leaveMounted } from '../mounted.ts'
import type { Verb } from '../verb.ts'
import { LABEL, LAYER } from '../words.ts'

export const mount: Verb = {
  name: 'mount',
  summary: 'mount a layer and print the path',
  details: [
    'The mount stays when the command ends. No process holds it then: `graphdriver umount` takes it away, and so do `rm` and `cleanup`, and a program that uses the layer through the library and gives it back. `run` leaves it as it found it.',
    'A base layer is its own directory, so nothing is mounted for it, unless with --read-only. A layer with children is mounted read-only.',
  ],
  arguments: [LAYER],
  options: [
    { flags: '-r, --read-only', summary: 'a view that cannot be written through, at a path of its own' },
    LABEL,
  ],
  shape: '{ id, path, readOnly }',
  examples: [{ command: 'cd "$(graphdriver mount app)"', says: 'work in the layer; leave it before umount' }],
  async run(input, context) {
    const id = input.word('id')
    const readOnly = input.on('readOnly')
    await using driver = await context.open()
    const path = await driver.get(id, {
      readOnly,
      signal: context.signal,
      ...input.given({ mountLabel: 'label' }),
    })
    await leaveMounted(driver, id)
    return { data: { id, path, readOnly }, text: () => path }
  },
}

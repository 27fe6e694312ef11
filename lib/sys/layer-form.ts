/**
 * How a directory that holds one layer writes down what is gone.
 *
 * - `plain`: it does not; the directory is the whole view.
 * - `aufs`: files `.wh.<name>` and `.wh..wh..opq`; other names that begin with `.wh..wh.` are aufs's own.
 * - `overlay`: character devices 0:0 and `trusted.overlay.*`.
 * - `overlay-user`: the same with `user.overlay.*`, as in a user namespace.
 */
export type LayerForm = 'plain' | 'aufs' | 'overlay' | 'overlay-user'

/** The addon's numbers (native/layerform.h). */
export const layerForms: Readonly<Record<LayerForm, number>> = {
  plain: 0,
  aufs: 1,
  overlay: 2,
  'overlay-user': 3,
}

import { requireSettings } from '../config.ts';
import type { CommandResult, Context } from '../context.ts';
import { planImage, produceImage } from '../steps/image.ts';
import { connectAws } from '../steps/session.ts';

/** Builds, proves and pushes the image; prints its reference. */
export async function push(context: Context): Promise<CommandResult> {
  requireSettings(context.config, ['repository']);
  const aws = await connectAws(context);
  const plan = await planImage(context, aws);
  const { image, seconds } = await produceImage(context, aws, plan);
  return {
    outcome: image.pushed ? 'succeeded' : 'unchanged',
    image,
    services: [],
    seconds,
    output: image.reference,
  };
}

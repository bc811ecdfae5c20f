package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/internal/await"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:  "eval",
		Usage: "measure accuracy on labelled pictures",
		UsageText: "vision detect val2017/ --coco out.json && vision eval coco --annotations instances_val2017.json --predictions out.json\n" +
			"vision eval imagenet val/ --model resnet50",
		Subcommands: []*cli.Command{evalCOCOCommand(), evalImageNetCommand()},
		Action:      group,
	}
}

func evalCOCOCommand() *cli.Command {
	return &cli.Command{
		Name:      "coco",
		Usage:     "measure COCO's average precision and recall of boxes, masks and keypoints",
		UsageText: "vision eval coco --annotations instances_val2017.json --predictions out.json\nvision eval coco --annotations person_keypoints.json --predictions out.json --type keypoints --json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "annotations", Usage: "`FILE` with the truth, in COCO's format"},
			&cli.StringFlag{Name: "predictions", Usage: "`FILE` with what a model found, in COCO's results format (vision detect --coco writes it)"},
			&cli.StringFlag{Name: "type", Usage: "compare `WHAT`: bbox, segm or keypoints; without it all that both files have"},
			jsonFlag,
		},
		Action: evalCOCO,
	}
}

func evalCOCO(c *cli.Context) error {
	if c.String("annotations") == "" || c.String("predictions") == "" || c.Args().Present() {
		return usage("eval coco needs --annotations FILE and --predictions FILE")
	}
	task := detect.COCOTask(c.String("type"))
	if task != "" && !slices.Contains(cocoAll, task) {
		return usage("--type %s: must be bbox, segm or keypoints", task)
	}
	truth, err := readFile(c.Context, c.String("annotations"), detect.ReadCOCOTruth)
	if err != nil {
		return err
	}
	results, err := readFile(c.Context, c.String("predictions"), detect.ReadCOCOResults)
	if err != nil {
		return err
	}
	tasks := []detect.COCOTask{task}
	if task == "" {
		if tasks, err = cocoTasks(truth, results); err != nil {
			return err
		}
	}
	for _, task := range tasks {
		metrics, err := await.Do(c.Context, func() ([]detect.COCOMetric, error) { return detect.EvaluateCOCO(truth, results, task) })
		if err != nil {
			return fmt.Errorf("%s: %w", task, err)
		}
		printCOCO(c, task, metrics)
	}
	return nil
}

var cocoAll = []detect.COCOTask{detect.COCOBoxes, detect.COCOMasks, detect.COCOKeypoints}

// cocoTasks are the tasks for which both files have data.
func cocoTasks(truth *detect.COCOTruth, results []detect.COCOResult) ([]detect.COCOTask, error) {
	boxes, masks, points := true, len(results) > 0, len(results) > 0
	for _, r := range results {
		boxes = boxes && len(r.BBox) > 0
		masks = masks && len(r.Segmentation) > 0
		points = points && len(r.Keypoints) > 0
	}
	for _, a := range truth.Annotations {
		masks = masks && len(a.Segmentation) > 0
		points = points && len(a.Keypoints) > 0
	}
	var tasks []detect.COCOTask
	for i, has := range []bool{boxes, masks, points} {
		if has {
			tasks = append(tasks, cocoAll[i])
		}
	}
	if len(tasks) == 0 {
		return nil, fmt.Errorf("the two files have no kind of object in common (boxes, masks, keypoints); --type says what to compare")
	}
	return tasks, nil
}

// printCOCO prints the numbers in the form of pycocotools' summary, or as one line
// of JSON that has them by name and, under "stats", in pycocotools' order.
func printCOCO(c *cli.Context, task detect.COCOTask, metrics []detect.COCOMetric) {
	if c.Bool("json") {
		line, stats := map[string]any{"task": task}, make([]float64, len(metrics))
		for i, m := range metrics {
			stats[i] = digits(m.Value, 6)
			line[m.Name] = stats[i]
		}
		line["stats"] = stats
		printJSON(c.App.Writer, line)
		return
	}
	fmt.Fprintf(c.App.Writer, "%s\n", task)
	for _, m := range metrics {
		kind := "Average Precision  (AP)"
		if strings.HasPrefix(m.Name, "AR") {
			kind = "Average Recall     (AR)"
		}
		fmt.Fprintf(c.App.Writer, " %s @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %0.3f\n", kind, m.IoU, m.Area, m.MaxDets, m.Value)
	}
}

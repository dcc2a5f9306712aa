"""From a labelled data set to a model directory (extra ``train``)."""
